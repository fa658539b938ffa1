//! What is usual on each route (floor 3): so many routes, and one place for all others.

use super::sketch::Sketch;
use std::{collections::HashMap, time::Duration};

/// The most routes that are told apart: half a megabyte. Names come from the application; if they are not of
/// low cardinality, the first are told apart, and the others taken together.
const MOST: usize = 512;
/// Fewer than this say little of what is usual.
const LEAST_SEEN: f64 = 20.0;

pub(super) struct Routes {
    percentile: f64,
    /// So many have to have been seen for the percentile to mean one of them, at least.
    least_seen: u32,
    routes: HashMap<Box<str>, Sketch>,
    others: Sketch,
}

impl Routes {
    pub(super) fn new(percentile: f64) -> Self {
        let least_seen = (100.0 / (100.0 - percentile)).ceil().clamp(LEAST_SEEN, 1_000.0) as u32;
        Self { percentile, least_seen, routes: HashMap::new(), others: Sketch::new() }
    }

    pub(super) fn is_unusual(&self, route: &str, duration: Duration) -> bool {
        let sketch = self.routes.get(route).unwrap_or(&self.others);
        sketch.total() >= self.least_seen && sketch.is_above(duration, self.percentile)
    }

    pub(super) fn add(&mut self, route: &str, duration: Duration) {
        if self.routes.len() < MOST && !self.routes.contains_key(route) {
            self.routes.insert(route.into(), Sketch::new());
        }
        self.routes.get_mut(route).unwrap_or(&mut self.others).add(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_routes_leave_a_bounded_number_behind() {
        let mut routes = Routes::new(99.0);
        for number in 0..1_000_000_u64 {
            let (route, duration) = (format!("/{number}"), Duration::from_micros(number % 1_000));
            let _unusual = routes.is_unusual(&route, duration);
            routes.add(&route, duration);
        }
        assert_eq!(routes.routes.len(), MOST);
        // All others have one usual duration between them.
        assert!(routes.is_unusual("/new", Duration::from_millis(2)));
        assert!(!routes.is_unusual("/new", Duration::from_micros(900)));
        assert!(!routes.is_unusual("/0", Duration::from_millis(2)), "one is not enough to say what is usual");
    }

    #[test]
    fn each_route_has_a_usual_duration_of_its_own() {
        let mut routes = Routes::new(90.0);
        for _ in 0..100 {
            routes.add("fast", Duration::from_millis(1));
            routes.add("slow", Duration::from_secs(1));
        }
        let time = Duration::from_millis(100);
        assert!(routes.is_unusual("fast", time) && !routes.is_unusual("slow", time));
    }
}
