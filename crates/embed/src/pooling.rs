//! Token vectors → one vector.

use crate::directory::Pooling;

/// Pools the first `tokens` of the `[tokens, dimensions]` matrix of one text; padding lies behind them.
pub(crate) fn pool(matrix: &[f32], tokens: usize, dimensions: usize, pooling: Pooling) -> Vec<f32> {
    match pooling {
        Pooling::Cls => matrix[..dimensions].to_vec(),
        Pooling::Mean => {
            let mut sum = vec![0.0_f32; dimensions];
            for token in matrix.chunks_exact(dimensions).take(tokens) {
                sum.iter_mut().zip(token).for_each(|(total, value)| *total += value);
            }
            let count = tokens.max(1) as f32;
            sum.iter_mut().for_each(|total| *total /= count);
            sum
        }
    }
}

/// Scales to length 1; the zero vector stays as it is.
pub(crate) fn normalize(vector: &mut [f32]) {
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|value| *value /= norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_does_not_count() {
        let matrix = [1.0, 2.0, 3.0, 4.0, 100.0, 100.0];
        assert_eq!(pool(&matrix, 2, 2, Pooling::Mean), [2.0, 3.0]);
        assert_eq!(pool(&matrix, 2, 2, Pooling::Cls), [1.0, 2.0]);
    }

    #[test]
    fn length_is_one_and_zero_stays_finite() {
        let mut vector = [3.0, 4.0];
        normalize(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
        let mut zero = [0.0; 2];
        normalize(&mut zero);
        assert_eq!(zero, [0.0; 2]);
    }
}
