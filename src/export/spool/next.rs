//! What an exporter does next (floor 3): by the shared [state](super::state). No I/O.
//!
//! What is live comes first, then what has waited on disk, then what earlier processes left. What has failed comes
//! behind all that has not, each batch in its turn: one that always fails holds nothing else up.

use super::{
    flights::{Flight, merged},
    line::{Goal, Held},
    shelf::{OWN, Shelf, Wanted, length},
    state::State,
};
use crate::export::{Completion, DropReason};
use std::{sync::Arc, time::Instant};

/// With so many gaps in what it has been delivered, an exporter turns to what has waited: its cursor has to stay small.
const MANY_GAPS: usize = 1024;

/// What an exporter's thread does next.
pub(super) enum Work {
    Live(Flight),
    Read(Wanted),
    Flush(Arc<Completion>, Instant),
    Shutdown(Arc<Completion>, Instant),
    Stop,
}

impl State {
    /// What one of them does now, or until when it waits.
    pub(super) fn next_for(&mut self, at: usize, now: Instant) -> Result<Work, Option<Instant>> {
        if self.is_abandoned() {
            return Ok(Work::Stop);
        }
        if let Some(work) = self.reached(at, now) {
            return Ok(work);
        }
        let Some(line) = self.lines.get_mut(at) else {
            return Ok(Work::Stop);
        };
        if let Some(backoff) = line.backoff {
            if now < backoff.until {
                let may_hurry = self.deadline.is_some() && !backoff.is_asked && !line.hurried;
                if !may_hurry {
                    let is_too_late = |(_, deadline): &(_, Instant)| backoff.until >= *deadline;
                    return match self.closing.clone().filter(is_too_late) {
                        Some((completion, deadline)) => Ok(self.give_up_memory(at, completion, deadline)),
                        None => Err(Some(backoff.until)),
                    };
                }
                line.hurried = true;
            }
            line.backoff = None;
            line.retries += 1;
        }
        self.something_to_send(at, now)
    }

    /// A flush or a shutdown whose time has come.
    fn reached(&mut self, at: usize, now: Instant) -> Option<Work> {
        let done = &self.own.mark(at)?.done;
        let line = self.lines.get_mut(at)?;
        line.goals.retain(|goal| goal.deadline > now);
        if let Some(goal) = line.goals.iter().position(|goal| done.covers(&(0..goal.before))) {
            let Goal { completion, deadline, .. } = line.goals.swap_remove(goal);
            return Some(Work::Flush(completion, deadline));
        }
        let (completion, deadline) = self.closing.as_ref()?;
        done.covers(&(0..self.next)).then(|| Work::Shutdown(completion.clone(), *deadline))
    }

    fn something_to_send(&mut self, at: usize, now: Instant) -> Result<Work, Option<Instant>> {
        let has_many_gaps = self.own.mark(at).is_some_and(|mark| mark.done.iter().len() > MANY_GAPS);
        if has_many_gaps && let Some(wanted) = self.wanted(at, now) {
            return Ok(Work::Read(wanted));
        }
        let Some(line) = self.lines.get_mut(at) else {
            return Ok(Work::Stop);
        };
        let is_urgent = !line.goals.is_empty() || self.deadline.is_some();
        let due = line.due(&self.limits, is_urgent, now);
        if due.is_some_and(|due| due <= now) {
            let held = line.take(self.limits.batch_spans);
            return Ok(Work::Live(Flight::live(held)));
        }
        if let Some(wanted) = self.wanted(at, now) {
            return Ok(Work::Read(wanted));
        }
        if let Some(work) = self.once_more(at, now) {
            return Ok(work);
        }
        let read_again = self.shelves().filter_map(|shelf| shelf.unread_until(at, now)).min();
        match self.closing.clone().filter(|_| read_again.is_some()) {
            Some((completion, deadline)) => Ok(self.give_up_memory(at, completion, deadline)),
            None => Err([due, read_again].into_iter().flatten().min()),
        }
    }

    /// Where to look for what is on disk: what is the process's own comes first, and alone before its end.
    fn shelves(&self) -> impl Iterator<Item = &Shelf> {
        std::iter::once(&self.own).chain(self.found.iter().filter(|_| self.deadline.is_none()))
    }

    /// What is to be read from disk, of what has not failed.
    fn wanted(&mut self, at: usize, now: Instant) -> Option<Wanted> {
        let most = self.limits.batch_spans;
        let wanted = self.shelves().find_map(|shelf| shelf.next_for(at, most, now))?;
        Some(self.take_in_hand(at, wanted))
    }

    /// What has failed, from memory or from disk, and been left alone for longest.
    fn once_more(&mut self, at: usize, now: Instant) -> Option<Work> {
        let most = self.limits.batch_spans;
        let on_disk = self.shelves().filter_map(|shelf| shelf.next_trouble_for(at, most, now));
        let on_disk = on_disk.min_by_key(|(failure, _)| *failure);
        let first = self.lines.get(at).and_then(|line| line.returned.front()).map(|held| held.spans.clone());
        let in_memory = first.map(|first| {
            // One that has been forgotten may come at once.
            let trouble = self.own.mark(at).and_then(|mark| mark.trouble_at(first.start));
            trouble.unwrap_or((0, first))
        });
        match (in_memory, on_disk) {
            (Some((failure, together)), on_disk)
                if on_disk.as_ref().is_none_or(|(other, _)| failure < *other) =>
            {
                let held = self.lines.get_mut(at)?.take_returned(&together);
                Some(Work::Live(Flight::live(held)))
            }
            (_, on_disk) => on_disk.map(|(_, wanted)| Work::Read(self.take_in_hand(at, wanted))),
        }
    }

    fn take_in_hand(&mut self, at: usize, wanted: Wanted) -> Wanted {
        if let Some(mark) = self.shelf_mut(wanted.shelf).and_then(|shelf| shelf.mark_mut(at)) {
            mark.held.insert(wanted.range.clone());
        }
        wanted
    }

    /// The exporter will not be asked again before the deadline: what is in memory only is lost.
    fn give_up_memory(&mut self, at: usize, completion: Arc<Completion>, deadline: Instant) -> Work {
        let Self { lines, own, .. } = self;
        if let Some(line) = lines.get_mut(at) {
            while let Some(held) = line.remove_any() {
                let is_on_disk = own.has(&held.spans);
                let Some(mark) = own.mark_mut(at) else {
                    break;
                };
                if is_on_disk {
                    mark.held.remove(&held.spans);
                } else {
                    mark.finish(&held.spans);
                    line.drop_own(DropReason::ShutdownDeadline, length(&held.spans));
                }
            }
        }
        Work::Shutdown(completion, deadline)
    }
}

impl Flight {
    fn live(held: Vec<Held>) -> Self {
        let ranges = merged(held.iter().map(|held| held.spans.clone()));
        Self { shelf: OWN, found: ranges.clone(), ranges, held }
    }
}
