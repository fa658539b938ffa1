//! The books' equation, as ARCHITECTURE.md has it.

use throughline::export::Stats;

/// Every span that has ended is in exactly one place, for each exporter, whenever the books are read.
#[track_caller]
pub fn assert_balanced(stats: &Stats) {
    for exporter in &stats.exporters {
        let accounted_for = stats.dropped.total()
            + stats.buffered
            + stats.sampled_out_spans
            + exporter.exported
            + exporter.filtered
            + exporter.pending
            + exporter.spooled
            + exporter.dropped.total();
        assert_eq!(stats.ended, accounted_for, "{stats:#?}");
    }
}
