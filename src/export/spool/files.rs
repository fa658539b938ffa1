//! Files and directories that only their owner can read (floor 3). No link is followed, and none is written
//! through: where it leads is not ours. No memory is mapped: a file that somebody cuts short must not kill the
//! host.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Makes a directory, and those above it that are missing.
pub(super) fn create_directories(path: &Path) -> io::Result<()> {
    builder().recursive(true).create(path)
}

/// The directories that get a new name when something is made in this one, which may have to be made itself.
pub(super) fn changed_by_creating(path: &Path) -> Vec<PathBuf> {
    let missing = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    let parents = missing.filter_map(Path::parent).map(|parent| match parent.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => parent.to_owned(),
    });
    std::iter::once(path.to_owned()).chain(parents).collect()
}

/// Makes a directory that is not there yet.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    builder().create(path)
}

fn builder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no modes to be set"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Makes a file that is not there yet.
pub(super) fn create(path: &Path) -> io::Result<File> {
    options().create_new(true).open(path)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a plain file for reading. Nothing else is opened at all: a pipe would be waited for.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let there = fs::symlink_metadata(path)?;
    if !there.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = File::open(path)?;
    // Something else may have come to its place between the two calls.
    if is_same_file(&there, &file.metadata()?) { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

#[cfg(unix)]
fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    one.created().ok() == other.created().ok()
}

/// At most so many bytes from the beginning of a file.
pub(super) fn read(path: &Path, at_most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(at_most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts a whole file in the place of another: at every moment there is the one or the other.
pub(super) fn replace(path: &Path, bytes: &[u8], is_durable: bool) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = match create(&new) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // What a crash left, or a link that somebody put there.
            fs::remove_file(&new)?;
            create(&new)?
        }
        made => made?,
    };
    file.write_all(bytes)?;
    if is_durable {
        file.sync_data()?;
    }
    fs::rename(&new, path)?;
    if is_durable { path.parent().map_or(Ok(()), sync) } else { Ok(()) }
}

/// Makes a file, or the names in a directory, last through a power failure, where the system has a way to ask for it.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
