//! Somebody at a desk, such as an administrator: signed in, who reads pages and sends forms by plain requests.

use super::program::Program;
use super::reader::{Answer, Reader};
use muster::model::account::{self, Role};
use reqwest::multipart::{Form, Part};

/// A server with somebody who is signed in; stopped with the value.
pub struct Desk {
    reader: Reader,
    csrf: String,
}

impl Desk {
    /// An administrator before what a program has stored.
    pub fn of(muster: &Program) -> Self {
        Self::with(muster, "alma", Role::Administrator)
    }

    /// Somebody of that name and role.
    pub fn with(muster: &Program, name: &str, role: Role) -> Self {
        let reader = Reader::with(muster, name, role);
        let page = reader.get("/my-account").html();
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        Self { reader, csrf }
    }

    /// The account of that name belongs to a user.
    pub fn belongs_to(self, muster: &Program, name: &str, user: i64) -> Self {
        let mut connection = muster.database.connect();
        let account = account::by_name(&mut connection, name).unwrap().unwrap();
        account::belong_to(&mut connection, account.id, Some(user), "a test").unwrap();
        self
    }

    /// Asks for a page.
    pub fn get(&self, path: &str) -> Answer {
        self.reader.get(path)
    }

    /// The text of a page that is there.
    #[track_caller]
    pub fn page(&self, path: &str) -> String {
        self.reader.page(path)
    }

    /// Sends a form, and reads the page that it leads to, or that says what is wrong.
    #[track_caller]
    pub fn send(&self, path: &str, form: &[(&str, &str)]) -> String {
        let form: Vec<_> = [("csrf", self.csrf.as_str())].into_iter().chain(form.iter().copied()).collect();
        let answer = self.reader.post(path, |request| request.form(&form));
        self.follow(path, answer)
    }

    /// Sends a form with a file, likewise.
    #[track_caller]
    pub fn send_file(&self, path: &str, field: &str, content: &[u8]) -> String {
        let part = Part::bytes(content.to_vec()).file_name("file");
        let form = Form::new().text("csrf", self.csrf.clone()).part(field.to_owned(), part);
        let answer = self.reader.post(path, |request| request.multipart(form));
        self.follow(path, answer)
    }

    #[track_caller]
    fn follow(&self, path: &str, answer: Answer) -> String {
        match answer.status {
            303 => self.page(answer.header("location")),
            200 => answer.text(),
            status => panic!("{path}: {status}: {}", answer.text()),
        }
    }
}
