//! What has been written and not yet made to last through a power failure (floor 3).

use super::files;
use crate::sync::{Mutex, lock};
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Files that wait to be synced. Usually that is one.
const MOST_FILES: usize = 16;

#[derive(Default)]
pub(super) struct Unsynced {
    waiting: Mutex<Waiting>,
    /// Held during a sync: who asks for one has what another has begun, too.
    syncing: Mutex<()>,
}

#[derive(Default)]
struct Waiting {
    files: Vec<Arc<File>>,
    paths: Vec<PathBuf>,
}

impl Unsynced {
    pub(super) fn add_file(&self, file: &Arc<File>) {
        lock(&self.waiting).add_file(file.clone());
    }

    /// A file that has been put in the place of another, or a directory in which names are new.
    pub(super) fn add_path(&self, path: &Path) {
        lock(&self.waiting).add_path(path.to_owned());
    }

    /// Makes everything last that has been added before; false if something could not be. That is tried again the
    /// next time.
    pub(super) fn sync(&self) -> bool {
        let _one_at_a_time = lock(&self.syncing);
        let Waiting { mut files, mut paths } = std::mem::take(&mut *lock(&self.waiting));
        files.retain(|file| file.sync_data().is_err());
        // What has been delivered whole is gone.
        paths.retain(|path| path.exists() && files::sync(path).is_err());
        let is_synced = files.is_empty() && paths.is_empty();
        let mut waiting = lock(&self.waiting);
        files.into_iter().for_each(|file| waiting.add_file(file));
        paths.into_iter().for_each(|path| waiting.add_path(path));
        is_synced
    }
}

impl Waiting {
    fn add_file(&mut self, file: Arc<File>) {
        if !self.files.iter().any(|known| Arc::ptr_eq(known, &file)) {
            // Of a disk that never syncs, handles must not gather.
            if self.files.len() >= MOST_FILES {
                self.files.remove(0);
            }
            self.files.push(file);
        }
    }

    fn add_path(&mut self, path: PathBuf) {
        if !self.paths.contains(&path) {
            self.paths.push(path);
        }
    }
}
