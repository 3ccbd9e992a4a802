//! The difference of two texts, line by line, as `diff -u` writes it.

/// Unchanged lines shown around a change.
const AROUND: usize = 3;
/// Past this many comparisons the middle is shown as replaced whole.
const MOST_COMPARISONS: usize = 4_000_000;

/// Hunks with `@@`, lines with ` `, `-` or `+` in front. Empty if the texts are the same.
pub fn difference(before: &str, after: &str) -> String {
    let steps =
        steps(&before.split_inclusive('\n').collect::<Vec<_>>(), &after.split_inclusive('\n').collect::<Vec<_>>());
    let changed: Vec<usize> = (0..steps.len()).filter(|at| steps[*at].0 != ' ').collect();
    let mut text = String::new();
    let mut hunks = changed.into_iter().peekable();
    while let Some(first) = hunks.next() {
        let mut last = first;
        while let Some(next) = hunks.next_if(|next| *next <= last + 2 * AROUND) {
            last = next;
        }
        let (from, to) = (first.saturating_sub(AROUND), (last + AROUND + 1).min(steps.len()));
        let count = |steps: &[(char, &str)], other: char| steps.iter().filter(|(step, _)| *step != other).count();
        let (hunk, above) = (&steps[from..to], &steps[..from]);
        let range = |other| {
            let length = count(hunk, other);
            format!("{},{length}", count(above, other) + usize::from(length > 0))
        };
        text.push_str(&format!("@@ -{} +{} @@\n", range('+'), range('-')));
        for (step, line) in hunk {
            text.push(*step);
            text.push_str(line.strip_suffix('\n').unwrap_or(line));
            text.push('\n');
        }
    }
    text
}

/// Every line of both texts once, in order: kept (` `), taken out (`-`) or put in (`+`).
fn steps<'t>(before: &[&'t str], after: &[&'t str]) -> Vec<(char, &'t str)> {
    let same_start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (before_rest, after_rest) = (&before[same_start..], &after[same_start..]);
    let same_end = before_rest.iter().rev().zip(after_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&before_rest[..before_rest.len() - same_end], &after_rest[..after_rest.len() - same_end]);

    let mut steps: Vec<(char, &str)> = before[..same_start].iter().map(|line| (' ', *line)).collect();
    if old.len().saturating_mul(new.len()) > MOST_COMPARISONS {
        steps.extend(old.iter().map(|line| ('-', *line)));
        steps.extend(new.iter().map(|line| ('+', *line)));
    } else {
        steps.extend(middle(old, new));
    }
    steps.extend(before[before.len() - same_end..].iter().map(|line| (' ', *line)));
    steps
}

/// By the longest common subsequence, found from the end.
fn middle<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(char, &'t str)> {
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut steps = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            steps.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1] {
            steps.push(('-', old[i]));
            i += 1;
        } else {
            steps.push(('+', new[j]));
            j += 1;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_change_stands_between_what_stays() {
        let before = "a\nb\nc\nd\ne\nf\n";
        let after = "a\nb\nc\nD\ne\nf\ng\n";
        assert_eq!(difference(before, after), "@@ -1,6 +1,7 @@\n a\n b\n c\n-d\n+D\n e\n f\n+g\n");
        assert_eq!(difference("", "a\n"), "@@ -0,0 +1,1 @@\n+a\n");
        assert_eq!(difference("a\n", "a\n"), "");
    }

    proptest! {
        #[test]
        fn taking_out_and_putting_in_leads_from_one_to_the_other(
            before in proptest::collection::vec("[ab]", 0..12),
            after in proptest::collection::vec("[ab]", 0..12),
        ) {
            let lines = |text: &[String]| text.iter().map(|line| format!("{line}\n")).collect::<String>();
            let (before, after) = (lines(&before), lines(&after));
            let steps =
                steps(&before.split_inclusive('\n').collect::<Vec<_>>(), &after.split_inclusive('\n').collect::<Vec<_>>());
            let without = |sign| steps.iter().filter(|(step, _)| *step != sign).map(|(_, line)| *line).collect::<String>();
            prop_assert_eq!(without('+'), before.as_str());
            prop_assert_eq!(without('-'), after.as_str());
        }
    }
}
