//! Text as people write names: folded for search, compared by sound, capitalized.

use unicode_normalization::UnicodeNormalization;

/// How a name is searched for: compatibility forms, diacritics and case folded away, runs of white space made one
/// blank. `Müller-Lüdenscheidt` → `muller-ludenscheidt`, `Ｗｕ` → `wu`. Used for the search column of persons too.
pub fn simplify(text: &str) -> String {
    let folded =
        if text.is_ascii() { text.to_ascii_lowercase() } else { fold(text.nfkd()).to_lowercase().nfc().collect() };
    let mut simple = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        if !simple.is_empty() {
            simple.push(' ');
        }
        simple.push_str(word);
    }
    simple
}

/// The text without diacritics, case and everything else kept: `José` → `Jose`, `Ørsted` → `Orsted`, `Straße` →
/// `Strasse`.
pub fn remove_diacritics(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    fold(text.nfd()).nfc().collect()
}

/// Drops combining diacritics, and spells letters that have one built in, which Unicode does not take apart.
fn fold(decomposed: impl Iterator<Item = char>) -> String {
    let mut folded = String::new();
    for letter in decomposed.filter(|&letter| !is_diacritic(letter)) {
        match letter {
            'ß' => folded.push_str("ss"),
            'ẞ' => folded.push_str("SS"),
            'æ' => folded.push_str("ae"),
            'Æ' => folded.push_str("AE"),
            'œ' => folded.push_str("oe"),
            'Œ' => folded.push_str("OE"),
            'þ' => folded.push_str("th"),
            'Þ' => folded.push_str("TH"),
            'ø' => folded.push('o'),
            'Ø' => folded.push('O'),
            'đ' | 'ð' => folded.push('d'),
            'Đ' | 'Ð' => folded.push('D'),
            'ł' => folded.push('l'),
            'Ł' => folded.push('L'),
            'ħ' => folded.push('h'),
            'Ħ' => folded.push('H'),
            'ŧ' => folded.push('t'),
            'Ŧ' => folded.push('T'),
            'ı' => folded.push('i'),
            other => folded.push(other),
        }
    }
    folded
}

/// The blocks of combining diacritical marks. Not all combining marks: those of Indic, Hebrew or Japanese scripts are
/// vowels and letters, and a name without them is another name.
fn is_diacritic(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Each word with a capital letter and the rest in lower case: `JEAN-LUC o'neill` → `Jean-Luc O'Neill`. After an
/// apostrophe only if a single letter stands before it, as in names.
pub fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut letters_before = 0;
    for letter in text.chars() {
        if letter == '\'' || letter == '’' {
            letters_before = if letters_before == 1 { 0 } else { letters_before };
            titled.push(letter);
        } else if !letter.is_alphanumeric() {
            // a combining mark belongs to the letter before it
            letters_before = if is_diacritic(letter) { letters_before } else { 0 };
            titled.push(letter);
        } else {
            if letters_before == 0 {
                titled.extend(letter.to_uppercase());
            } else {
                titled.extend(letter.to_lowercase());
            }
            letters_before += 1;
        }
    }
    titled
}

/// The first given name: the first word, or the first word after the comma where a family name comes first.
/// `Ada Augusta` → `Ada`, `Lovelace, Ada` → `Ada`.
pub fn first_name(text: &str) -> &str {
    let given = match text.split_once(',') {
        Some((_, after)) if !after.trim().is_empty() => after,
        _ => text,
    };
    given.split_whitespace().next().unwrap_or_default().trim_end_matches(',')
}

/// American Soundex of the first word that has Latin letters: `Robert` and `Rupert` → `R163`. Empty if there is none.
pub fn soundex(text: &str) -> String {
    let plain = remove_diacritics(text).to_ascii_uppercase();
    let mut letters = plain
        .split_whitespace()
        .find(|word| word.bytes().any(|letter| letter.is_ascii_uppercase()))
        .unwrap_or_default()
        .bytes()
        .filter(u8::is_ascii_uppercase);
    let Some(first) = letters.next() else { return String::new() };

    let mut code = String::from(char::from(first));
    let mut last = soundex_digit(first);
    for letter in letters {
        let digit = soundex_digit(letter);
        if let Some(digit) = digit.filter(|_| digit != last) {
            code.push(digit);
            if code.len() == 4 {
                return code;
            }
        }
        // H and W do not separate equal sounds, vowels do
        if !matches!(letter, b'H' | b'W') {
            last = digit;
        }
    }
    while code.len() < 4 {
        code.push('0');
    }
    code
}

fn soundex_digit(letter: u8) -> Option<char> {
    match letter {
        b'B' | b'F' | b'P' | b'V' => Some('1'),
        b'C' | b'G' | b'J' | b'K' | b'Q' | b'S' | b'X' | b'Z' => Some('2'),
        b'D' | b'T' => Some('3'),
        b'L' => Some('4'),
        b'M' | b'N' => Some('5'),
        b'R' => Some('6'),
        _ => None,
    }
}

/// The first characters of a text, with an ellipsis where some are left out: at most `most` characters in all.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// The names most like `wanted`, best first, at most three: what somebody may have meant. Case, accents, blanks and
/// underscores count little; names that have little in common with it are left out.
pub fn closest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let bare_wanted = bare(wanted);
    let mut candidates: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let bare_name = bare(name);
            let distance = edit_distance(&bare_wanted, &bare_name);
            let contained = bare_wanted.len() >= 3
                && bare_name.len() >= 3
                && (contains(&bare_name, &bare_wanted) || contains(&bare_wanted, &bare_name));
            let near = distance * 5 <= bare_wanted.len().max(bare_name.len()) * 2;
            (near || contained).then_some((distance, name))
        })
        .collect();
    candidates.sort();
    candidates.dedup();
    candidates.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Enough to compare names by; nobody writes longer ones by mistake.
const COMPARED_LETTERS: usize = 64;

fn bare(name: &str) -> Vec<char> {
    simplify(name).chars().filter(|letter| letter.is_alphanumeric()).take(COMPARED_LETTERS).collect()
}

fn contains(text: &[char], part: &[char]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Insertions, deletions, replacements and swaps of neighbours that make one of the other.
fn edit_distance(from: &[char], to: &[char]) -> usize {
    let mut before_last = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut cost = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                cost = cost.min(before_last[j - 1] + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_folded_for_search() {
        for (text, simple) in [
            ("  Ada   Lovelace ", "ada lovelace"),
            ("José García-Núñez", "jose garcia-nunez"),
            ("Jose\u{301}", "jose"),
            ("Straße", "strasse"),
            ("Łukasz Ørsted", "lukasz orsted"),
            ("Ｗｕ", "wu"),
            ("İstanbul", "istanbul"),
            ("Wu, Dr. 健雄", "wu, dr. 健雄"),
            ("हिन्दी", "हिन्दी"),
            ("がっこう", "がっこう"),
            ("한국", "한국"),
            ("ﬁle", "file"),
            ("", ""),
        ] {
            assert_eq!(simplify(text), simple, "{text}");
        }
    }

    #[test]
    fn diacritics_go_and_everything_else_stays() {
        for (text, plain) in [("Ærøskøbing", "AEroskobing"), ("ÅSA Öberg", "ASA Oberg"), ("健雄 é", "健雄 e")]
        {
            assert_eq!(remove_diacritics(text), plain);
        }
    }

    #[test]
    fn words_get_a_capital_letter() {
        for (text, titled) in [
            ("JEAN-LUC o'neill", "Jean-Luc O'Neill"),
            ("d'arc", "D'Arc"),
            ("the dog's name", "The Dog's Name"),
            ("élodie ÉMILE", "Élodie Émile"),
            ("ßen", "SSen"),
        ] {
            assert_eq!(title(text), titled);
        }
    }

    #[test]
    fn the_first_name_is_found_in_both_orders() {
        for (text, name) in
            [("Ada Augusta", "Ada"), ("Lovelace, Ada M.", "Ada"), ("Wu,", "Wu"), ("", ""), ("  Grace ", "Grace")]
        {
            assert_eq!(first_name(text), name, "{text}");
        }
    }

    #[test]
    fn soundex_as_the_national_archives_describe_it() {
        for (text, code) in [
            ("Robert", "R163"),
            ("Rupert", "R163"),
            ("Rubin", "R150"),
            ("Ashcraft", "A261"),
            ("Tymczak", "T522"),
            ("Pfister", "P236"),
            ("Honeyman", "H555"),
            ("Lee", "L000"),
            ("Müller", "M460"),
            ("健雄", ""),
            ("", ""),
        ] {
            assert_eq!(soundex(text), code, "{text}");
        }
    }

    #[test]
    fn the_closest_names_come_first() {
        let header = ["EmployeeId", "E-Mail", "Surname", "Given Name", "Department"];
        assert_eq!(closest("Email", header), ["E-Mail"]);
        assert_eq!(closest("GivenName", header), ["Given Name"]);
        assert_eq!(closest("Employee", header), ["EmployeeId"]);
        assert_eq!(closest("Sirname", header), ["Surname"]);
        assert!(closest("Zodiac", header).is_empty());
    }

    proptest! {
        #[test]
        fn simplifying_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = simplify(&text);
            prop_assert_eq!(simplify(&once), once);
        }

        #[test]
        fn removing_diacritics_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = remove_diacritics(&text);
            prop_assert_eq!(remove_diacritics(&once), once);
        }

        #[test]
        fn soundex_is_empty_or_a_letter_and_three_digits(text in "\\PC{0,40}") {
            let code = soundex(&text);
            prop_assert!(code.is_empty() || (code.len() == 4 && code[1..].bytes().all(|digit| digit.is_ascii_digit())));
        }

        #[test]
        fn a_name_is_closest_to_itself(name in "[a-zA-Zé_ ]{1,20}[a-z]") {
            prop_assert_eq!(closest(&name, ["", name.as_str(), "Zzzzzzzz"]).first().copied(), Some(name.as_str()));
        }
    }
}
