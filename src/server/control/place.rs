//! A name for the control socket that the kernel takes however long the folder's path is.

use super::super::data_folder::control_socket_in;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The longest path that the address of a Unix socket holds, in bytes, without the NUL at its end
/// (`unix(7)`).
const ADDRESS_BYTES: usize = 107;

/// The socket's path in `folder` or, where that is too long, the same by way of the open folder
/// `handle`. It is good for as long as the handle is open.
pub(super) fn socket(folder: &Path, handle: &File) -> PathBuf {
    let path = control_socket_in(folder);
    if path.as_os_str().as_bytes().len() <= ADDRESS_BYTES {
        return path;
    }
    let short = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
    control_socket_in(&short)
}
