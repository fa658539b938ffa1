//! Medians.

/// The middle one; of an even number the mean of both in the middle. NaN of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of all lies, between two neighbours in proportion. NaN of none.
pub fn quantile(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = share * last as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    values[below] + (values[above] - values[below]) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::{median, quantile};

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert_eq!(quantile([0.0, 10.0], 0.25), 2.5);
        assert_eq!(quantile([1.0, 2.0, 3.0, 4.0, 5.0], 1.0), 5.0);
    }
}
