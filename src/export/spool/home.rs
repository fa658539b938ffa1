//! The directory of one process within the spool (floor 3): made, locked, adopted and taken away.
//!
//! A lock on the file `lock` says that somebody uses it; it ends with the process, whatever its end. A
//! directory is made under another name and renamed when its lock is held, so that nobody adopts one that
//! is just being made.
//!
//! Nothing is touched that is not the spool's: neither what a link leads to, nor a directory of somebody else
//! or that others may write to, nor a file that is named otherwise than the spool names its own.

use super::files;
use crate::ids::ThreadRng;
use std::{
    fs::{self, DirEntry, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
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
    /// It has been taken away: an exporter that has yet to write its cursor must not make it anew.
    is_gone: RwLock<bool>,
}

/// What came of looking at a directory that another process may have left.
pub(super) enum Adoption {
    Adopted(Home),
    /// Somebody has it, or it could not be looked at now.
    InUse,
    /// There is nothing of ours in it.
    Nothing,
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
            Ok(Self { path, _lock: lock, is_gone: RwLock::default() })
        });
        made.inspect_err(|_| {
            let _rest_is_cleared_later = remove_emptied(&new);
        })
    }

    /// Takes over one that another process left.
    pub(super) fn adopt(path: PathBuf) -> Adoption {
        let lock = match files::open(&path.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let _tried_again_next_time = remove_rest(&path);
                return Adoption::Nothing;
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Adoption::Nothing,
            Err(_) => return Adoption::InUse,
        };
        if !lock.metadata().is_ok_and(|lock| lock.len() == 0) {
            return Adoption::Nothing;
        }
        match lock.try_lock() {
            Ok(()) if path.join(LOCK).exists() => {}
            Ok(()) => return Adoption::Nothing,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return Adoption::InUse,
        }
        match contents(&path) {
            Err(_) => Adoption::InUse,
            Ok(contents) if contents.ours.is_empty() => {
                if !contents.has_others {
                    let _tried_again_next_time = remove_emptied(&path);
                }
                Adoption::Nothing
            }
            Ok(_) => Adoption::Adopted(Self { path, _lock: lock, is_gone: RwLock::default() }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The paths of the files in it that are ours.
    pub(super) fn files(&self) -> io::Result<Vec<PathBuf>> {
        contents(&self.path).map(|contents| contents.ours)
    }

    /// Puts a whole file in the place of another, unless the directory has been taken away.
    pub(super) fn replace(&self, name: &str, bytes: &[u8], is_durable: bool) -> io::Result<()> {
        let is_gone = self.is_gone.read().unwrap_or_else(PoisonError::into_inner);
        if *is_gone { Ok(()) } else { files::replace(&self.path.join(name), bytes, is_durable) }
    }

    /// Takes it away with all that is ours in it. If there is something else, that stays, and so does the directory.
    pub(super) fn remove(&self) {
        let mut is_gone = self.is_gone.write().unwrap_or_else(PoisonError::into_inner);
        *is_gone = true;
        let _what_stays_is_adopted = remove(&self.path);
    }

    /// Takes it away when nothing but these has been put in it. Needs no file handle, of which there may be none.
    pub(super) fn undo(&self, names: &[String]) {
        for name in names {
            let path = self.path.join(name);
            let _not_made = (fs::remove_file(&path), fs::remove_file(path.with_extension("new")));
        }
        let _what_stays_is_adopted = remove_emptied(&self.path);
    }
}

/// What lies in a directory.
struct Contents {
    /// What is named as the spool names its files, but for the lock.
    ours: Vec<PathBuf>,
    has_others: bool,
}

fn contents(path: &Path) -> io::Result<Contents> {
    let mut contents = Contents { ours: Vec::new(), has_others: false };
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if is_ours(&entry) {
            contents.ours.push(entry.path());
        } else {
            contents.has_others |= entry.file_name() != LOCK;
        }
    }
    Ok(contents)
}

fn is_ours(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let is_file_name = match name.to_str().and_then(|name| name.split_once('.')) {
        Some((number, "segment")) => is_name(number),
        Some((exporter, "cursor" | "new")) => is_exporter(exporter),
        _ => false,
    };
    // Of a link, it is the link that is removed.
    is_file_name && entry.file_type().is_ok_and(|kind| !kind.is_dir())
}

/// Removes what is ours: first the files, last the lock.
fn remove(path: &Path) -> io::Result<()> {
    for file in contents(path)?.ours {
        unless_gone(fs::remove_file(file))?;
    }
    remove_emptied(path)
}

/// Removes what somebody who was taking it away has left. Spans without a lock are nobody's.
fn remove_rest(path: &Path) -> io::Result<()> {
    let contents = contents(path)?;
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "segment");
    if contents.has_others || contents.ours.iter().any(is_segment) {
        return Ok(());
    }
    contents.ours.into_iter().try_for_each(|file| unless_gone(fs::remove_file(file)))?;
    fs::remove_dir(path)
}

fn remove_emptied(path: &Path) -> io::Result<()> {
    unless_gone(fs::remove_file(path.join(LOCK)))?;
    unless_gone(fs::remove_dir(path))
}

fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Whose a directory is: by what the spool tells its own from others'.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    user: u32,
    /// The rights of others to write.
    others: u32,
}

impl Owner {
    /// Of a directory that is no link.
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_dir)?;
        Some(Self { user: found.uid(), others: found.mode() & 0o022 })
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok()?;
        found.is_dir().then_some(Self { user: 0, others: 0 })
    }

    /// Of what this process makes: as seen from its own directory, as some file systems know neither users nor
    /// rights; while it has none, as the system says.
    pub(super) fn ours(own: Option<&Path>, root: &Path) -> Option<Self> {
        let process =
            || Self::of(Path::new("/proc/self").canonicalize().ok()?.as_path()).or_else(|| Self::of(root));
        own.and_then(Self::of).or_else(|| Some(Self { others: 0, ..process()? }))
    }
}

/// The directories of this owner's processes below `root`, oldest first as far as that can be told.
pub(super) fn all_below(root: &Path, owner: Owner) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let Some(name) = name.to_str() else {
            continue;
        };
        let (is_new, name) = name.strip_prefix(NEW).map_or((false, name), |name| (true, name));
        if !is_name(name) || Owner::of(&path) != Some(owner) {
            continue;
        }
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        if !is_new {
            found.push((modified, path));
        } else if modified.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > MAKING) {
            let _tried_again_next_time = remove(&path);
        }
    }
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

fn is_name(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The longest name of an exporter, in a file's name.
const MOST_EXPORTER_CHARS: usize = 64;

/// An exporter's name as a part of a file's name: what that cannot have is replaced.
pub(super) fn exporter_part(name: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let part: String = name.chars().take(MOST_EXPORTER_CHARS).map(safe).collect();
    if part.is_empty() { "-".to_owned() } else { part }
}

/// Could it be such a part? Earlier versions added a number.
fn is_exporter(part: &str) -> bool {
    const NUMBER: usize = 11;
    let is_safe = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-');
    !part.is_empty() && part.len() <= MOST_EXPORTER_CHARS + NUMBER && part.bytes().all(is_safe)
}
