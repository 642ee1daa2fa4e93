//! A file mapped into memory: what is stored there outlives the process, however it dies.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// Maps the first `WORDS` words of a file, which is made, for this user only, or extended with zeros if need be.
/// It stays mapped as long as the process lives.
pub fn map<const WORDS: usize>(path: &Path) -> io::Result<&'static [AtomicU64; WORDS]> {
    let bytes = WORDS * size_of::<AtomicU64>();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path)?;
    if file.metadata()?.len() < bytes as u64 {
        file.set_len(bytes as u64)?;
    }
    // SAFETY: a new mapping of an open file, of its length, which nobody unmaps; every pattern of bits is a word, and
    // words are read and written atomically.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let start = libc::mmap(
            std::ptr::null_mut(),
            bytes,
            protection,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        );
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(&*start.cast())
    }
}
