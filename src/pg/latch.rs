//! Waiting and waking.

use pgrx::pg_sys;

use crate::pg::time::MILLISECOND;

/// What ended a wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Somebody set the latch.
    Latch,
    /// The file descriptor is ready.
    Descriptor,
    /// Time is up.
    Timeout,
}

/// Waits for the latch at most `microseconds`, then lets interrupts act. The postmaster's death ends the
/// process.
pub fn wait(microseconds: i64) -> Woken {
    wait_with(microseconds, None)
}

/// As [`wait`], or until a file descriptor can be read.
pub fn wait_or_readable(microseconds: i64, descriptor: i32) -> Woken {
    wait_with(microseconds, Some((descriptor, pg_sys::WL_SOCKET_READABLE)))
}

/// As [`wait`], or until a file descriptor can be written.
pub fn wait_or_writable(microseconds: i64, descriptor: i32) -> Woken {
    wait_with(microseconds, Some((descriptor, pg_sys::WL_SOCKET_WRITEABLE)))
}

fn wait_with(microseconds: i64, descriptor: Option<(i32, u32)>) -> Woken {
    // Round up: a wait of less than a millisecond must not become a busy loop.
    let milliseconds = (microseconds.max(0) + MILLISECOND - 1) / MILLISECOND;
    let (socket, readiness) = descriptor.unwrap_or((-1, 0));
    let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH | readiness;
    // SAFETY: MyLatch is this process's own latch from its start to its end.
    let woken = unsafe {
        let class = pg_sys::PG_WAIT_EXTENSION;
        if socket < 0 {
            pg_sys::WaitLatch(pg_sys::MyLatch, events as i32, milliseconds, class)
        } else {
            pg_sys::WaitLatchOrSocket(pg_sys::MyLatch, events as i32, socket, milliseconds, class)
        }
    } as u32;
    if woken & pg_sys::WL_LATCH_SET != 0 {
        // SAFETY: as above.
        unsafe { pg_sys::ResetLatch(pg_sys::MyLatch) };
    }
    pgrx::check_for_interrupts!();
    if readiness != 0 && woken & readiness != 0 {
        Woken::Descriptor
    } else if woken & pg_sys::WL_LATCH_SET != 0 {
        Woken::Latch
    } else {
        Woken::Timeout
    }
}

/// Wakes the process with this number, if it is one of the server's.
pub fn wake(pid: i32) {
    if pid == 0 {
        return;
    }
    // SAFETY: gives NULL for a number that is no backend; its latch lies in shared memory for ever.
    unsafe {
        let process = pg_sys::BackendPidGetProc(pid);
        if !process.is_null() {
            pg_sys::SetLatch(&raw mut (*process).procLatch);
        }
    }
}
