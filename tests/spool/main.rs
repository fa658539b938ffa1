//! The spool, with real files, processes and signals, with disks, clocks and threads that fail: what is promised to
//! survive does, and the books say what became of the rest.

mod bounds;
mod clocks;
mod crashes;
mod delivery;
mod disks;
mod io_errors;
mod outages;
mod power;
mod settled;
mod support;
mod threads;
