//! The spool, with real files, processes and signals, with disks, clocks and threads that fail: what is promised to
//! survive does, and the books say what became of the rest.

mod bounds;
mod clocks;
mod crashes;
mod delivery;
mod disks;
mod homes;
mod io_errors;
mod names;
mod outages;
mod poison;
mod power;
mod settled;
mod support;
mod threads;
