//! Threads that are none of PostgreSQL's.
//!
//! A signal sent to the process may be delivered to any of its threads that does not block it.
//! PostgreSQL's handlers longjmp, touch process-local state and set latches: on a foreign thread they
//! corrupt memory. So every signal is blocked while a thread is created, and the thread inherits that; but not those
//! of a fault, which belong to the thread that makes it.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};

/// What the kernel sends to a thread for what it did itself. Blocked, they would end the process without a handler.
const FAULTS: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];

/// All signals but faults blocked for this thread until dropped.
pub struct SignalsBlocked {
    previous: libc::sigset_t,
}

impl SignalsBlocked {
    /// Blocks every signal but faults.
    pub fn new() -> SignalsBlocked {
        // SAFETY: both sets are plain memory that the calls fill.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut previous: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&mut all);
            for fault in FAULTS {
                libc::sigdelset(&mut all, fault);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut previous);
            SignalsBlocked { previous }
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: puts back the mask the constructor read.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.previous, std::ptr::null_mut()) };
    }
}

/// Starts a thread that no signal reaches. It must never call PostgreSQL.
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let _blocked = SignalsBlocked::new();
    Builder::new().name(name.to_owned()).spawn(body)
}

/// Where [`note_faults`] leaves its mark.
static FAULT_MARK: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());

/// The process has ended without a handler of [`note_faults`].
pub const UNMARKED: u64 = 0;

/// A fault has ended the process, on whatever thread.
pub const FAULT: u64 = 1;

/// The postmaster has ended the process at once: an immediate shutdown, or another process crashed.
const QUIT: u64 = 2;

/// Has `mark` say how this process was ended, as far as a signal handler can.
pub fn note_faults(mark: &'static AtomicU64) {
    FAULT_MARK.store(std::ptr::from_ref(mark).cast_mut(), Ordering::SeqCst);
    // SAFETY: the handlers do what a handler may: they store to memory that is never unmapped, and end the process.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_fault as *const () as usize;
        // Its own stack where there is one, and the default action the second time.
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESETHAND | libc::SA_NODEFER;
        for fault in FAULTS {
            libc::sigaction(fault, &action, std::ptr::null_mut());
        }
        action.sa_sigaction = on_quit as *const () as usize;
        action.sa_flags = 0;
        libc::sigaction(libc::SIGQUIT, &action, std::ptr::null_mut());
    }
}

/// As PostgreSQL's own handler, which ends a process without any cleaning up.
extern "C" fn on_quit(_signal: i32) {
    mark(QUIT);
    // SAFETY: ends the process; it is among what a handler may call.
    unsafe { libc::_exit(2) };
}

fn mark(how: u64) {
    // SAFETY: null or the mark of note_faults, which is never unmapped.
    if let Some(mark) = unsafe { FAULT_MARK.load(Ordering::SeqCst).as_ref() } {
        mark.store(how, Ordering::SeqCst);
    }
}

extern "C" fn on_fault(signal: i32) {
    mark(FAULT);
    // SAFETY: the default action is back, so raising ends the process.
    unsafe { libc::raise(signal) };
}

/// A descriptor that a thread makes readable and the main loop waits on (`eventfd`).
pub fn event_descriptor() -> OwnedFd {
    // SAFETY: a new descriptor that nobody else owns. Only exhaustion of descriptors can fail it.
    unsafe {
        let descriptor = libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC);
        assert!(descriptor >= 0, "eventfd: {}", io::Error::last_os_error());
        OwnedFd::from_raw_fd(descriptor)
    }
}

/// Makes the descriptor readable; safe on any thread.
pub fn signal_event(descriptor: i32) {
    let one = 1_u64;
    // SAFETY: writes eight bytes from a live variable; a full counter is readable already.
    unsafe { libc::write(descriptor, (&raw const one).cast(), 8) };
}

/// Makes the descriptor unreadable again.
pub fn drain_event(descriptor: i32) {
    let mut count = 0_u64;
    // SAFETY: reads eight bytes into a live variable; an empty counter fails harmlessly.
    unsafe { libc::read(descriptor, (&raw mut count).cast(), 8) };
}
