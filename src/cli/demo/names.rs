//! Names as people have them, in many scripts. Behind `|` stands how the name is written in a login.

/// A place of work, with names that are common there.
pub(super) struct Place {
    /// The town.
    pub town: &'static str,
    /// The country.
    pub country: &'static str,
    /// Dialling code of country and town.
    pub dialling: &'static str,
    /// Languages, as HR joins them.
    pub languages: &'static str,
    /// How many of a hundred people work here.
    pub share: usize,
    /// Given names.
    pub given: &'static [&'static str],
    /// Family names.
    pub family: &'static [&'static str],
}

/// A name as it is written, and in Latin letters without diacritics.
pub(super) fn spelled(entry: &str) -> (&str, String) {
    match entry.split_once('|') {
        Some((name, latin)) => (name, latin.to_owned()),
        None => (entry, crate::values::text::remove_diacritics(entry)),
    }
}

/// All places; the shares add up to 100.
#[rustfmt::skip]
pub(super) static PLACES: &[Place] = &[
    Place { town: "Zürich", country: "Switzerland", dialling: "+41 44", languages: "de;fr;en", share: 24,
        given: &["Anna", "Urs", "Regula", "Beat", "Séverine", "Jürg", "Nadine", "Reto", "Chiara", "Matteo", "Zoé", "Léa", "Hansjörg", "Flurina", "Gian-Andri", "Noémie", "Lukas", "Sandra", "Tobias", "Käthi"],
        family: &["Müller", "Meier", "Keller", "Bächli", "Bachli", "Grünenfelder", "von Arx", "D'Onofrio", "Ramseier", "Caduff", "Aebischer", "Niederhäuser", "Jaccottet", "Spörri", "Zurbriggen", "Lüthi", "Perret-Gentil", "Wyss", "Frei", "Schmid"] },
    Place { town: "Berlin", country: "Germany", dialling: "+49 30", languages: "de;en", share: 14,
        given: &["Jonas", "Greta", "Emre", "Frauke", "Sören", "Ayşe", "Wolfgang", "Jasmin", "Torsten", "Björn", "Heike", "Mandy", "Cem", "Ulrike", "Fatma", "Karl-Heinz"],
        family: &["Schröder", "Weiß", "Yıldız", "Groß", "Lindner", "Öztürk", "Kowalski", "Petersen", "Freiherr von Königsmark", "Krüger", "Demir", "Heßler", "Jäger", "Winkler", "Böhm", "Zimmermann"] },
    Place { town: "Lisboa", country: "Portugal", dialling: "+351 21", languages: "pt;en", share: 9,
        given: &["João", "Inês", "Luís", "Conceição", "Tomás", "Beatriz", "Nuno", "Graça", "Estêvão", "Mariana", "Vítor", "Leonor"],
        family: &["da Silva", "Gonçalves", "Magalhães", "Simões", "dos Santos", "Araújo", "Falcão", "Brandão", "Teixeira", "Assunção", "Mourão", "Pinto Basto"] },
    Place { town: "Kraków", country: "Poland", dialling: "+48 12", languages: "pl;en", share: 8,
        given: &["Łukasz", "Małgorzata", "Wojciech", "Agnieszka", "Żaneta", "Paweł", "Stanisław", "Joanna", "Grażyna", "Michał", "Święcisława", "Zbigniew"],
        family: &["Wiśniewski", "Dąbrowska", "Wójcik", "Kamińska", "Szymański", "Woźniak", "Jabłońska", "Łaszczyk", "Źródło", "Pawłowski", "Król", "Nowak-Jeziorańska"] },
    Place { town: "Αθήνα", country: "Greece", dialling: "+30 21", languages: "el;en", share: 7,
        given: &["Ελένη|Eleni", "Γιώργος|Giorgos", "Κατερίνα|Katerina", "Νίκος|Nikos", "Σοφία|Sofia", "Δημήτρης|Dimitris", "Ζωή|Zoi", "Θανάσης|Thanasis", "Αγγελική|Angeliki", "Σταύρος|Stavros"],
        family: &["Παπαδοπούλου|Papadopoulou", "Νικολαΐδης|Nikolaidis", "Γεωργίου|Georgiou", "Χατζής|Chatzis", "Οικονόμου|Oikonomou", "Βλάχος|Vlachos", "Μακρή|Makri", "Αλεξίου|Alexiou", "Σαμαράς|Samaras", "Καραγιάννη|Karagianni"] },
    Place { town: "Київ", country: "Ukraine", dialling: "+380 44", languages: "uk;en", share: 8,
        given: &["Олена|Olena", "Тарас|Taras", "Оксана|Oksana", "Андрій|Andrii", "Ірина|Iryna", "Богдан|Bohdan", "Соломія|Solomiia", "Юрій|Yurii", "Наталія|Nataliia", "Ярослав|Yaroslav"],
        family: &["Шевченко|Shevchenko", "Ковальчук|Kovalchuk", "Бондаренко|Bondarenko", "Лисенко|Lysenko", "Грищенко|Hryshchenko", "Дем'яненко|Demianenko", "Мельник|Melnyk", "Ткаченко|Tkachenko", "Щербак|Shcherbak", "Юрченко|Yurchenko"] },
    Place { town: "臺北", country: "Taiwan", dialling: "+886 2", languages: "zh;en", share: 7,
        given: &["健雄|Jianxiong", "美玲|Meiling", "志明|Zhiming", "淑芬|Shufen", "冠宇|Guanyu", "雅婷|Yating", "家豪|Jiahao", "怡君|Yijun", "𠮷祥|Jixiang", "詩涵|Shihan"],
        family: &["吳|Wu", "陳|Chen", "林|Lin", "黃|Huang", "張|Zhang", "歐陽|Ouyang", "蔡|Cai", "鄭|Zheng", "許|Xu", "司徒|Situ"] },
    Place { town: "大阪", country: "Japan", dialling: "+81 6", languages: "ja;en", share: 6,
        given: &["さくら|Sakura", "陽翔|Haruto", "結衣|Yui", "蓮|Ren", "美咲|Misaki", "大輝|Daiki", "エミリ|Emiri", "翔太|Shota", "葵|Aoi", "健一|Kenichi"],
        family: &["佐藤|Sato", "鈴木|Suzuki", "高橋|Takahashi", "渡邉|Watanabe", "山本|Yamamoto", "齋藤|Saito", "小林|Kobayashi", "五十嵐|Igarashi", "藤原|Fujiwara", "長谷川|Hasegawa"] },
    Place { town: "서울", country: "South Korea", dialling: "+82 2", languages: "ko;en", share: 5,
        given: &["민준|Minjun", "서연|Seoyeon", "지훈|Jihun", "하은|Haeun", "도윤|Doyun", "수빈|Subin", "예린|Yerin", "현우|Hyeonu"],
        family: &["김|Kim", "이|Lee", "박|Park", "최|Choi", "정|Jeong", "남궁|Namgung", "윤|Yoon", "선우|Seonu"] },
    Place { town: "القاهرة", country: "Egypt", dialling: "+20 2", languages: "ar;en", share: 5,
        given: &["محمد|Mohamed", "فاطمة|Fatima", "أحمد|Ahmed", "نور|Nour", "يوسف|Youssef", "مريم|Maryam", "عمر|Omar", "سلمى|Salma"],
        family: &["عبد الرحمن|Abdelrahman", "حسن|Hassan", "السيد|Elsayed", "منصور|Mansour", "النجار|Elnaggar", "فهمي|Fahmy", "شاهين|Shahin", "مصطفى|Mostafa"] },
    Place { town: "पुणे", country: "India", dialling: "+91 20", languages: "mr;hi;en", share: 4,
        given: &["प्रिया|Priya", "अर्जुन|Arjun", "आदित्य|Aditya", "मीरा|Meera", "सचिन|Sachin", "कविता|Kavita", "रोहन|Rohan", "अनन्या|Ananya"],
        family: &["कुलकर्णी|Kulkarni", "देशपांडे|Deshpande", "जोशी|Joshi", "शिंदे|Shinde", "पाटील|Patil", "गायकवाड|Gaikwad", "चव्हाण|Chavan", "कदम|Kadam"] },
    Place { town: "Nairobi", country: "Kenya", dialling: "+254 20", languages: "sw;en", share: 3,
        given: &["Wanjirũ", "Otieno", "Njeri", "Kamau", "Achieng'", "Mwangi", "Nafula", "Kipchoge"],
        family: &["Mũthoni", "Odhiambo", "Njoroge", "Wambũi", "Ng'ang'a", "Chebet", "Ochieng'", "Wafula"] },
];
