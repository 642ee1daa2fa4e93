//! Talking to the embedder over a Unix socket.
//!
//! Shared memory would be 13 µs a call where a new connection costs 34 µs, and is much harder to get
//! right: a connection that breaks is an error, not a lock nobody holds any more. The path is relative to
//! the data directory, which is every server process's working directory, so its length does not matter,
//! and lies where base backups do not look.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use crate::error::{Error, Result};
use crate::pg::latch::{wait_or_readable, wait_or_writable};
use crate::pg::time::{MILLISECOND, now};

/// The embedder's socket.
pub const PATH: &str = "pg_stat_tmp/schema_monitor.sock";

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// Sends a request and reads the answer, both with a 4-byte little-endian length in front. Cancelling the
/// statement or ending the session acts at once.
pub fn exchange(request: &[u8], timeout_ms: i32) -> Result<Vec<u8>> {
    let lost = |error: std::io::Error| Error::Embedder(format!("the embedder cannot be reached: {error}"));
    let deadline = now() + i64::from(timeout_ms) * MILLISECOND;
    let mut stream = UnixStream::connect(PATH).map_err(lost)?;
    stream.set_nonblocking(true).map_err(lost)?;
    let mut framed = Vec::with_capacity(request.len() + 4);
    framed.extend_from_slice(&(request.len() as u32).to_le_bytes());
    framed.extend_from_slice(request);
    let mut sent = 0;
    while sent < framed.len() {
        match stream.write(&framed[sent..]) {
            Ok(written) => sent += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                wait_or_writable(remaining(deadline, timeout_ms)?, stream.as_raw_fd());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(lost(error)),
        }
    }
    let mut length = [0; 4];
    fill(&mut stream, &mut length, deadline, timeout_ms)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_ANSWER {
        return Err(Error::Embedder(
            "the embedder gave an answer that is too long".to_owned(),
        ));
    }
    let mut answer = vec![0; length];
    fill(&mut stream, &mut answer, deadline, timeout_ms)?;
    Ok(answer)
}

fn fill(stream: &mut UnixStream, buffer: &mut [u8], deadline: i64, timeout_ms: i32) -> Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => return Err(Error::Embedder("the embedder closed the connection".to_owned())),
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                wait_or_readable(remaining(deadline, timeout_ms)?, stream.as_raw_fd());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Embedder(format!("the embedder cannot be read: {error}"))),
        }
    }
    Ok(())
}

fn remaining(deadline: i64, timeout_ms: i32) -> Result<i64> {
    match deadline - now() {
        left if left > 0 => Ok(left),
        _ => Err(Error::EmbedderTimeout(timeout_ms)),
    }
}
