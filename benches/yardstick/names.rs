//! What the made-up organization's people, titles and places are called: many scripts, accents, apostrophes, commas.

#[rustfmt::skip]
pub const GIVEN_NAMES: &[&str] = &[
    "Agnès", "Björn", "Céline", "Dörte", "Eoghan", "Françoise", "Gísli", "Håvard", "Ibrahim", "Jérôme", "Kaśka",
    "Ludvík", "Małgorzata", "Nuño", "Ôscar", "Þóra", "Quitterie", "Raphaël", "Sølvi", "Tõnis", "Ümit", "Vít", "Wiebke",
    "Ximena", "Yvonne", "Žofie", "Alice", "Brian", "Carol", "Daniel", "Emily", "Frank", "Grace", "Henry", "Irene",
    "Jack", "Kathryn", "Laura", "Mark", "Nancy", "Oliver", "Paula", "Ruth", "Stephen", "Teresa", "Victor", "明", "丽",
    "健雄", "陽子", "一郎", "結衣", "지훈", "하은", "Борис", "Светлана", "Γιώργος", "Μαρία", "أحمد", "ليلى", "דוד", "अनिता",
];

#[rustfmt::skip]
pub const SURNAMES: &[&str] = &[
    "Baßler", "Bošnjak", "Côté", "D'Angelo", "Dvořák", "Fernández", "Größl", "Håkansson", "Île-Dieu", "Jørgensen",
    "Kärkkäinen", "Lindström", "Muñoz", "Nagy-Kovács", "O'Connor", "Öztürk", "Pérez Gómez", "Rønning", "Şahin",
    "Sigurðardóttir", "Tăutu", "Vandenberghe", "Żukowski", "Adams", "Baker", "Carter", "Dixon", "Evans", "Fisher",
    "Graham", "Hughes", "Irving", "Jenkins", "Kennedy", "Lambert", "MacLeod", "Newman", "Owens", "Parker", "Quinn",
    "Reynolds", "Sullivan", "Turner", "Underwood", "Vaughan", "Webster", "York", "Zimmermann", "吴", "陈", "刘", "山田",
    "高橋", "최", "정", "Соколов", "Кузнецова", "Νικολαΐδης", "الحسن", "כהן", "शर्मा",
];

#[rustfmt::skip]
pub const TITLES: &[&str] = &[
    "Software Engineer", "Principal Engineer", "Controller", "Payroll Officer", "Regional Sales Manager", "Nurse",
    "Chef d'équipe", "Ingénieure réseau", "Sachbearbeiter", "Geschäftsführerin", "Técnico de laboratorio", "Apprentice",
    "Data Steward", "Product Owner", "Solution Architect", "Office Assistant", "Department Head", "Vice President",
    "Forklift Operator", "Researcher", "Legal Counsel", "Intern",
];

pub const DIVISIONS: &[&str] = &["Direction", "Bereich", "Division", "Avdelning", "Oddělení", "事業部"];

pub const GROUP_KINDS: &[&str] = &["users", "admins", "lecteurs", "prüfer"];

/// Places with their country.
#[rustfmt::skip]
pub const LOCATIONS: &[(&str, &str)] = &[
    ("Paris", "FR"), ("Saint-Étienne", "FR"), ("Nîmes", "FR"), ("Köln", "DE"), ("Düsseldorf", "DE"), ("Zürich", "CH"),
    ("Neuchâtel", "CH"), ("Århus", "DK"), ("Örebro", "SE"), ("Linköping", "SE"), ("Tromsø", "NO"), ("Łódź", "PL"),
    ("Plzeň", "CZ"), ("Graz", "AT"), ("Málaga", "ES"), ("A Coruña", "ES"), ("Brasília", "BR"), ("京都", "JP"),
    ("北京", "CN"), ("부산", "KR"), ("Boston", "US"), ("San Diego", "US"), ("Manchester", "GB"), ("Cork", "IE"),
    ("Liège", "BE"),
];
