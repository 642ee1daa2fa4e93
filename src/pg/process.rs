//! The process and where its files are.

use pgrx::pg_sys;
use std::ffi::CStr;
use std::path::PathBuf;

/// Sets what ONNX Runtime and the tokenizer must find in the environment before they are loaded: no
/// telemetry, no thread pool.
pub fn quieten_libraries() {
    // SAFETY: called before this process has started any thread of ours, and PostgreSQL's processes have
    // one thread.
    unsafe {
        std::env::set_var("ORT_DISABLE_TELEMETRY", "1");
        std::env::set_var("TOKENIZERS_PARALLELISM", "false");
    }
}

/// The directory of loadable libraries.
pub fn library_directory() -> PathBuf {
    // SAFETY: a zero-terminated global that is filled at server start.
    let path = unsafe { CStr::from_ptr((&raw const pg_sys::pkglib_path).cast()) };
    PathBuf::from(path.to_string_lossy().into_owned())
}

/// The directory of architecture-independent files.
pub fn share_directory() -> PathBuf {
    let mut buffer = [0 as std::ffi::c_char; pg_sys::MAXPGPATH as usize];
    // SAFETY: my_exec_path is a zero-terminated global; the callee writes at most MAXPGPATH bytes.
    let path = unsafe {
        pg_sys::get_share_path((&raw const pg_sys::my_exec_path).cast(), buffer.as_mut_ptr());
        CStr::from_ptr(buffer.as_ptr())
    };
    PathBuf::from(path.to_string_lossy().into_owned())
}

/// The database this session is in; 0 in a process without one.
pub fn database() -> u32 {
    // SAFETY: reads a global.
    unsafe { pg_sys::MyDatabaseId.to_u32() }
}

/// This process's number.
pub fn pid() -> i32 {
    // SAFETY: reads a global.
    unsafe { pg_sys::MyProcPid }
}

/// The cluster's system identifier.
pub fn system_identifier() -> u64 {
    // SAFETY: reads shared state.
    unsafe { pg_sys::GetSystemIdentifier() }
}

/// Whether the library is being loaded by shared_preload_libraries.
pub fn is_preloading() -> bool {
    // SAFETY: reads a global.
    unsafe { pg_sys::process_shared_preload_libraries_in_progress }
}

/// Whether this is pg_upgrade's server.
pub fn is_binary_upgrade() -> bool {
    // SAFETY: reads a global.
    unsafe { pg_sys::IsBinaryUpgrade }
}

/// Limits this process's memory, so that an allocation fails where otherwise the operating system would kill somebody.
pub fn limit_memory(bytes: u64) -> std::io::Result<()> {
    // SAFETY: reads and sets a limit of this process through a live variable.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_DATA, &mut limit) != 0 {
            return Err(std::io::Error::last_os_error());
        }
        limit.rlim_cur = bytes.min(limit.rlim_max);
        if libc::setrlimit(libc::RLIMIT_DATA, &limit) != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Asks a process to end, as `pg_terminate_backend` does.
pub fn terminate(pid: i32) {
    if pid > 1 {
        // SAFETY: sends a signal; a number that is nobody's makes it fail harmlessly.
        unsafe { libc::kill(pid, libc::SIGTERM) };
    }
}
