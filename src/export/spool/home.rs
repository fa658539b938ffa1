//! The directory of one process within the spool (floor 3): made, locked, adopted and taken away.
//!
//! A lock on the file `lock` says that somebody uses it; it ends with the process, whatever its end. A
//! directory is made under another name and renamed when its lock is held, so that nobody adopts one that
//! is just being made.

use super::files;
use crate::ids::ThreadRng;
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

const LOCK: &str = "lock";
const NEW: &str = "new-";
/// A directory that has been in the making for longer belongs to nobody.
const MAKING: Duration = Duration::from_secs(60 * 60);

/// A directory that this process alone uses, as long as the value lives.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes a new one below `root`, which is made if it is missing.
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        files::create_directories(root)?;
        let name = format!("{:016x}", ThreadRng::new().u64());
        let new = root.join(format!("{NEW}{name}"));
        files::create_directory(&new)?;
        let lock = files::create(&new.join(LOCK)).and_then(|lock| {
            lock.try_lock()?;
            Ok(lock)
        });
        let path = root.join(name);
        let made = lock.and_then(|lock| {
            fs::rename(&new, &path)?;
            Ok(Self { path, _lock: lock })
        });
        made.inspect_err(|_| {
            let _rest_is_cleared_later = remove(&new);
        })
    }

    /// Takes over one that another process left; `None` if it is in use, or gone.
    pub(super) fn adopt(path: PathBuf) -> Option<Self> {
        let lock = match File::open(path.join(LOCK)) {
            Ok(lock) => lock,
            Err(_) => {
                // Whoever was taking it away got no further. Anything but an empty one stays.
                let _not_empty = fs::remove_dir(&path);
                return None;
            }
        };
        match lock.try_lock() {
            Ok(()) => path.join(LOCK).exists().then_some(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes it away with all that is in it.
    pub(super) fn remove(&self) {
        let _what_stays_is_adopted = remove(&self.path);
    }
}

/// Removes a directory of ours: first the files, last the lock.
fn remove(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() != LOCK {
            fs::remove_file(entry.path())?;
        }
    }
    match fs::remove_file(path.join(LOCK)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::remove_dir(path),
    }
}

/// The directories of all processes below `root`, oldest first as far as that can be told.
pub(super) fn all_below(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        match name.to_str() {
            Some(name) if is_name(name) => found.push((modified, path)),
            Some(name) if name.strip_prefix(NEW).is_some_and(is_name) => {
                let age = modified.and_then(|modified| modified.elapsed().ok());
                if age.is_some_and(|age| age > MAKING) {
                    let _tried_again_next_time = remove(&path);
                }
            }
            _ => {}
        }
    }
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

fn is_name(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
