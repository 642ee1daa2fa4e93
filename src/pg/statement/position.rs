//! Where in a text PostgreSQL found its error.
//!
//! pgrx keeps the message of an error and not its position. A callback on PostgreSQL's stack of error contexts is called
//! while the error is complete and nothing has been unwound yet.

use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::c_void;

/// A position in characters from 1; 0 for none.
#[derive(Default)]
pub(super) struct Position(Cell<i32>);

/// While it lives, errors leave their position.
pub(super) struct Noted<'a> {
    context: Box<pg_sys::ErrorContextCallback>,
    _position: &'a Position,
}

impl Position {
    pub(super) fn noted(&self) -> Noted<'_> {
        // SAFETY: the callback is taken off the stack by Drop, before `self` goes; its box does not move.
        unsafe {
            let mut context = Box::new(pg_sys::ErrorContextCallback {
                previous: pg_sys::error_context_stack,
                callback: Some(note),
                arg: std::ptr::from_ref(&self.0).cast_mut().cast(),
            });
            pg_sys::error_context_stack = &mut *context;
            Noted {
                context,
                _position: self,
            }
        }
    }

    pub(super) fn get(&self) -> Option<i32> {
        Some(self.0.get()).filter(|position| *position > 0)
    }

    /// Notes a place in a text in the server's encoding.
    pub(super) fn set_byte(&self, text: &[u8], byte: usize) {
        self.0.set(characters(text, byte));
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        // SAFETY: what was pushed later was popped by whoever pushed it, or by the unwinding of an error.
        unsafe { pg_sys::error_context_stack = self.context.previous };
    }
}

/// PostgreSQL calls it while it puts an error together; nothing may fail here.
unsafe extern "C-unwind" fn note(position: *mut c_void) {
    // SAFETY: the pointer is that of `noted`; an error is being put together, so there is one to ask about.
    unsafe { (*position.cast::<Cell<i32>>()).set(pg_sys::geterrposition()) };
}

/// A place in a text in the server's encoding, in characters from 1.
pub(super) fn characters(text: &[u8], byte: usize) -> i32 {
    let before = &text[..byte.min(text.len())];
    // SAFETY: the length is that of the slice.
    unsafe { pg_sys::pg_mbstrlen_with_len(before.as_ptr().cast(), before.len() as i32) + 1 }
}
