//! Feeds of several shapes, at random but repeatable.

use std::fmt::Write as _;

/// What a column holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// The key: this before a number.
    Key(&'static str),
    /// Words from a list, some of them in other scripts, now and then two.
    Name(&'static [&'static str]),
    /// One of these, the first ones more often.
    Choice(&'static [&'static str]),
    /// Yes or no.
    Bool,
    /// A day, written in this order.
    Date(Order),
    /// 1234.50
    Amount,
    /// A mail address, different for each row.
    Mail,
    /// A telephone number; a third have none.
    Phone,
}

/// How a date is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// 2020-12-31
    Iso,
    /// 31.12.2020
    Dots,
    /// 31/12/2020
    Slashes,
}

impl Order {
    /// Year, month and day.
    pub fn read<'d>(&self, date: &'d str) -> (&'d str, &'d str, &'d str) {
        match self {
            Self::Iso => (&date[..4], &date[5..7], &date[8..10]),
            _ => (&date[6..10], &date[3..5], &date[..2]),
        }
    }

    fn format(self) -> &'static str {
        match self {
            Self::Iso => "%Y-%m-%d",
            Self::Dots => "%d.%m.%Y",
            Self::Slashes => "%d/%m/%Y",
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A kind of feed.
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Its columns; the first is the key.
    pub columns: Vec<Column>,
}

const GIVEN: &[&str] = &[
    "Ada", "Grace", "José", "Zoë", "健雄", "Łucja", "Sofía", "Björn", "Anna", "Ngozi", "Пётр", "Mary", "Émile",
    "Tomáš", "Peter", "Olga", "Ivan", "Lea", "Noah", "Mia", "André", "Chloé", "Lars", "Yuki", "Omar", "Fatima",
    "David", "Jürgen",
];
const FAMILY: &[&str] = &[
    "Lovelace",
    "García",
    "Núñez",
    "Müller",
    "Neill",
    "Wu",
    "Kowalski",
    "Østergård",
    "Smith",
    "Nguyễn",
    "Çelik",
    "Novák",
    "Иванов",
    "Rossi",
    "Weber",
    "Dubois",
    "Jansen",
    "Silva",
    "田中",
    "Ahmed",
    "Brown",
    "Fischer",
    "Keller",
    "Žižka",
];
const CITIES: &[&str] = &[
    "Zürich",
    "Genève",
    "Bern",
    "München",
    "Köln",
    "Paris",
    "Łódź",
    "Kraków",
    "London",
    "Göteborg",
    "東京",
    "São Paulo",
    "Wien",
    "Oslo",
    "Málaga",
    "Brno",
    "Plzeň",
    "Lyon",
    "Basel",
    "Graz",
];

/// Staff of a company.
pub fn staff() -> Shape {
    let column = |name, kind| Column { name, kind };
    Shape {
        name: "staff",
        columns: vec![
            column("Id", Kind::Key("")),
            column("GivenName", Kind::Name(GIVEN)),
            column("FamilyName", Kind::Name(FAMILY)),
            column("Mail", Kind::Mail),
            column("HireDate", Kind::Date(Order::Dots)),
            column("Salary", Kind::Amount),
            column("Active", Kind::Bool),
            column(
                "Department",
                Kind::Choice(&["4711", "4712", "4720", "4801", "4802", "4900", "5000", "5100", "5200"]),
            ),
            column("Country", Kind::Choice(&["CH", "DE", "FR", "IT", "AT"])),
        ],
    }
}

/// Students of a university.
pub fn students() -> Shape {
    let column = |name, kind| Column { name, kind };
    Shape {
        name: "students",
        columns: vec![
            column("Matriculation", Kind::Key("S")),
            column("Surname", Kind::Name(FAMILY)),
            column("Forename", Kind::Name(GIVEN)),
            column("BirthDate", Kind::Date(Order::Iso)),
            column("Program", Kind::Choice(&["Law", "Medicine", "Physics", "History", "Music", "Informatics"])),
            column("Credits", Kind::Amount),
            column("Mail", Kind::Mail),
            column("Enrolled", Kind::Date(Order::Iso)),
            column("Exchange", Kind::Bool),
        ],
    }
}

/// Customers with names of many scripts.
pub fn customers() -> Shape {
    let column = |name, kind| Column { name, kind };
    Shape {
        name: "customers",
        columns: vec![
            column("Number", Kind::Key("C-")),
            column("Name", Kind::Name(FAMILY)),
            column("City", Kind::Name(CITIES)),
            column("Phone", Kind::Phone),
            column("Since", Kind::Date(Order::Slashes)),
            column("Turnover", Kind::Amount),
            column("Segment", Kind::Choice(&["gold", "silver", "bronze", "none"])),
            column("Contact", Kind::Mail),
        ],
    }
}

impl Shape {
    /// The names of the columns.
    pub fn header(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.to_owned()).collect()
    }

    /// New rows.
    pub fn rows(&self, count: usize, dice: &mut Dice) -> Vec<Vec<String>> {
        (0..count).map(|_| (0..self.columns.len()).map(|column| self.value(column, dice)).collect()).collect()
    }

    /// A value of a column.
    pub fn value(&self, column: usize, dice: &mut Dice) -> String {
        match self.columns[column].kind {
            Kind::Key(before) => {
                dice.key += 1 + dice.below(9);
                format!("{before}{:07}", dice.key)
            }
            Kind::Name(words) => {
                let first = words[dice.below(words.len())];
                match dice.below(3) {
                    0 => format!("{first}-{}", words[dice.below(words.len())]),
                    1 => format!("{first} {}", (b'A' + dice.below(26) as u8) as char),
                    _ => first.to_owned(),
                }
            }
            Kind::Choice(words) => words[dice.below(words.len()).min(dice.below(words.len()))].to_owned(),
            Kind::Bool => if dice.below(6) == 0 { "no" } else { "yes" }.to_owned(),
            Kind::Date(order) => {
                let (y, m, d) = (1960 + dice.below(60), 1 + dice.below(12), 1 + dice.below(28));
                match order {
                    Order::Iso => format!("{y}-{m:02}-{d:02}"),
                    Order::Dots => format!("{d:02}.{m:02}.{y}"),
                    Order::Slashes => format!("{d:02}/{m:02}/{y}"),
                }
            }
            Kind::Amount => format!("{}.{:02}", 1000 + dice.below(9000), dice.below(100)),
            Kind::Mail => format!("{:x}{:x}@example.org", dice.next() % 0xffff, dice.next() % 0xffff),
            Kind::Phone if dice.below(3) == 0 => String::new(),
            Kind::Phone => {
                format!("+41 44 {:03} {:02} {:02}", dice.below(1000), dice.below(100), dice.below(100))
            }
        }
    }

    /// The connector's document: whatever more than a single record does is looked at.
    pub fn document(&self) -> String {
        self.document_with(|_| None, None)
    }

    /// The document with one thing edited: a property computed, cut or read from another column, or rows left out.
    pub fn edited(&self, dice: &mut Dice) -> String {
        let name = self.columns[1 + dice.below(self.columns.len() - 1)];
        let way = dice.below(3);
        let text = |column: &&Column| matches!(column.kind, Kind::Name(_) | Kind::Choice(_) | Kind::Mail);
        let texts: Vec<&Column> = self.columns.iter().filter(text).collect();
        let chosen = texts[dice.below(texts.len())].name;
        dice.say(&format!("way {way}, {chosen}"));
        match way {
            0 => self.document_with(
                |column| (column == chosen).then(|| format!("expression = \"lower(row.{chosen}) + '!'\"")),
                None,
            ),
            1 => {
                let column = self.columns.iter().find(|column| matches!(column.kind, Kind::Choice(_))).unwrap_or(&name);
                let Kind::Choice(values) = column.kind else { unreachable!("each shape has one") };
                self.document_with(|_| None, Some(format!("row.{} != '{}'", column.name, values[0])))
            }
            _ => self.document_with(
                |column| (column == chosen).then(|| format!("expression = \"'x' + row.{chosen}\"")),
                None,
            ),
        }
    }

    fn document_with(&self, source: impl Fn(&str) -> Option<String>, scope: Option<String>) -> String {
        let mut text = format!("name = {:?}\n\n[guards]\nfirst_run = true\n\n[thresholds]\n", self.name);
        for operation in ["inserted", "updated", "deleted"] {
            let _ = writeln!(text, "maximum_{operation}_lines = 1");
        }
        text += "\n[[connection]]\nname = \"feed\"\nkind = \"files\"\nfolder = \"{folder}\"\n\n";
        text += "[[connection.table]]\nname = \"feed\"\nfile = \"feed.csv\"\n\n";
        text += "[[entity_type]]\nname = \"one\"\nsource = \"feed.feed\"\n";
        if let Some(scope) = scope {
            let _ = writeln!(text, "where = {scope:?}");
        }
        for (number, column) in self.columns.iter().enumerate() {
            let _ = writeln!(text, "  [[entity_type.property]]\n  name = {:?}", column.name.to_lowercase());
            let _ = match source(column.name) {
                Some(source) => writeln!(text, "  {source}"),
                None => writeln!(text, "  column = {:?}", column.name),
            };
            if number == 0 {
                text += "  key = true\n";
            }
            let _ = match column.kind {
                Kind::Date(order) => writeln!(text, "  type = \"date\"\n  format = {:?}", order.format()),
                Kind::Amount => writeln!(text, "  type = \"number\""),
                Kind::Bool => writeln!(text, "  type = \"bool\""),
                _ => Ok(()),
            };
        }
        text
    }
}

/// Chance that repeats: SplitMix64.
pub struct Dice {
    state: u64,
    key: usize,
    note: String,
}

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed, key: 0, note: String::new() }
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this; of nothing, 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }

    /// Notes what was done.
    pub fn say(&mut self, note: &str) {
        note.clone_into(&mut self.note);
    }

    /// What was done last.
    pub fn note(&self) -> String {
        self.note.clone()
    }
}
