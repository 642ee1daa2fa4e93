//! Doing something as another role.

use pgrx::pg_sys;

/// Another role in force, under the restrictions of a maintenance command, until this is dropped or the
/// subtransaction around it is rolled back.
pub struct Acting {
    user: pg_sys::Oid,
    context: i32,
}

impl Acting {
    /// Switches to `role`.
    pub fn as_role(role: pg_sys::Oid) -> Acting {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        // SAFETY: writes to the two variables, then sets the role and a restriction that only narrows.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            pg_sys::SetUserIdAndSecContext(role, context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32);
        }
        Acting { user, context }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        // SAFETY: puts back what the constructor found.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}
