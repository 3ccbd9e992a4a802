//! LDIF: entries, and changes as far as the file alone tells what they lead to.

use super::*;

fn entries(content: &str, columns: &[&str]) -> Result<Vec<(u64, Vec<String>)>, ConnectionError> {
    export("people.ldif", content.as_bytes(), json!({}), columns).map(|memory| memory.rows)
}

fn changes(content: &str, columns: &[&str]) -> Result<Vec<(u64, Vec<String>)>, ConnectionError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.ldif"), "version: 1\n").unwrap();
    std::fs::write(folder.path().join("changes.ldif"), content).unwrap();
    let mut request = request(folder.path(), "people.ldif", json!({"delta_file": "changes.ldif"}));
    request.mapped_columns.insert("people".into(), columns.iter().map(|name| name.to_string()).collect());
    let since = Cursors::from([("people".into(), json!({"file": null, "sha256": null}))]);
    let mut memory = Memory::default();
    match Files.changes(&request, &since, &mut memory) {
        Ok(()) => Ok(memory.rows),
        Err(ChangesError::Failed(error)) => Err(error),
        Err(ChangesError::Expired(why)) => panic!("{why}"),
    }
}

fn row(line: u64, values: &[&str]) -> (u64, Vec<String>) {
    (line, values.iter().map(|value| value.to_string()).collect())
}

#[test]
fn entries_become_rows() {
    // After the examples of RFC 2849.
    let content = "version: 1\n# all people\n#  of today\ndn: cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com\n\
                   objectclass: top\nobjectclass: person\nCN: Barbara Jensen\ncn: Babs Jensen\n\
                   description:Babs is a big sailing fan, and travels exten\n sively in search of perfect conditions.\n\
                   title:Product Manager\n\n\n\
                   dn:: b3U95Za25qWt6YOoLG89QWlyaXVz\r\n# dn:: ou=<JapaneseOU>,o=Airius\r\ncn;lang-ja:: 5bCP56yg5Y6f\r\n\
                   cn: Ogasawara\r\njpegPhoto:: /9j/4AAQ\r\n SkZJRg==\r\nobjectGUID:: QUJDREVGR0hJSktMTU5PUA==\r\n\
                   userCertificate;binary:: QUJD\r\ndescription:\r\n";
    let columns =
        ["dn", "cn", "objectClass", "description", "cn;lang-ja", "jpegPhoto", "objectGUID", "userCertificate;binary"];
    let rows = entries(content, &columns).unwrap();
    let babs = "Babs is a big sailing fan, and travels extensively in search of perfect conditions.";
    let jensen = "cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com";
    assert_eq!(rows[0], row(4, &[jensen, "Barbara Jensen\u{1f}Babs Jensen", "top\u{1f}person", babs, "", "", "", ""]));
    let photo = "/9j/4AAQSkZJRg==";
    let guid = "QUJDREVGR0hJSktMTU5PUA==";
    assert_eq!(rows[1], row(14, &["ou=営業部,o=Airius", "Ogasawara", "", "", "小笠原", photo, guid, "QUJD"]));
    assert_eq!(rows.len(), 2);

    assert!(entries("", &["dn"]).unwrap().is_empty());
    assert_eq!(entries("dn: cn=a\nchangetype: add\ncn: a\n", &["cn"]).unwrap(), [row(1, &["a"])], "as ldifde writes");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.ldif"), "dn: cn=a\nCn: a\nmail: b\nMAIL: c\n").unwrap();
    let schema = Files.tables(&request(folder.path(), "p.ldif", json!({}))).unwrap();
    let columns: Vec<_> = schema[0].columns.iter().map(|column| (column.name.as_str(), column.multivalued)).collect();
    assert_eq!(columns, [("dn", false), ("Cn", false), ("mail", true)]);
}

#[test]
fn ldif_in_doubt_is_refused_at_its_place() {
    for (content, place, message) in [
        ("cn: a\n", "line 1, column 1", "begins with its dn"),
        ("version: 2\n", "line 1, column 10", "another version"),
        ("dn: cn=a\ncn a\n", "line 2, column 1", "a name, a colon and a value"),
        ("dn: cn=a\nc\u{e9}n: a\n", "line 2, column 2", "such a character"),
        ("dn: cn=a\n: a\n", "line 2, column 1", "the name of an attribute"),
        ("dn: cn=a\ncn:: a*b\n", "line 2, column 6", "no base64"),
        ("dn: cn=a\nphoto:< file:///etc/passwd\n", "line 2, column 7", "nothing is fetched"),
        ("dn: cn=a\ncn: a", "line 2, column 6", "cut off"),
        (" dn: cn=a\n", "line 1, column 1", "there is none"),
        ("dn: cn=a\ncn: a\ndn: cn=b\n", "line 3, column 1", "a second dn"),
        ("dn: cn=a\ncn: a\n\nsearch: 2\nresult: 0 Success\n", "line 4, column 1", "-LLL"),
        ("dn: cn=a\nchangetype: delete\n", "line 2, column 1", "delta_file"),
        ("dn: cn=a\rcn: a\r\n", "line 1, column 9", "a CR stands within"),
        ("dn: cn=a\ncn: a\0\n", "line 2, column 6", "NUL"),
        ("dn: cn=a\ncn: ab\n c\0\n", "line 3, column 3", "NUL"),
    ] {
        let error = entries(content, &["cn"]).expect_err(content);
        assert_eq!(error.place, format!("people.ldif, {place}"), "{content:?}: {error}");
        assert!(error.message.contains(message), "{content:?}: {error}");
    }
    let error = export("people.ldif", b"dn: cn=a\ncn: M\xFCller\n", json!({}), &["cn"]).map(|memory| memory.rows);
    assert_eq!(
        error.unwrap_err().to_string().split(';').next().unwrap(),
        "people.ldif, line 2, column 6: the byte 0xFC is no UTF-8 here"
    );
    let rows =
        export("people.ldif", b"dn: cn=a\ncn: M\xFCller\n", json!({"encoding": "windows-1252"}), &["cn"]).unwrap().rows;
    assert_eq!(rows, [row(1, &["Müller"])]);
}

#[test]
fn changes_become_commands() {
    let content = "version: 1\ndn: cn=Ada\nchangetype: add\ncn: Ada\nmail: a@x\nmail: b@x\n\n\
                   dn: cn=Bob\nchangetype: delete\n\n\
                   dn: cn=Cy\nchangetype: modify\nreplace: mail\nmail: c@x\nmail: d@x\n-\ndelete: cn\n-\n\
                   add: telephoneNumber\ntelephoneNumber: 1\n-\n\n\
                   dn: cn=Di\nchangetype: modify\nadd: telephoneNumber\ntelephoneNumber: 2\n-\n\n\
                   dn: cn=Ed\nchangetype: modify\ndelete: mail\n-\nadd: mail\nmail: e@x\n-\nreplace: cn\n-\n";
    let rows = changes(content, &["dn", "cn", "mail"]).unwrap();
    assert_eq!(
        rows,
        [
            row(2, &["insert", "cn=Ada", "Ada", "a@x\u{1f}b@x"]),
            row(8, &["delete dn", "cn=Bob", "", ""]),
            row(11, &["merge", "cn=Cy", "", "c@x\u{1f}d@x"]),
            row(29, &["merge", "cn=Ed", "", "e@x"]),
        ]
    );
    let replace = "dn: cn=Cy\nchangetype: modify\nreplace: mail\nmail: c@x\n-\n";
    assert_eq!(changes(replace, &["dn", "cn", "mail"]).unwrap(), [row(1, &["merge dn mail", "cn=Cy", "", "c@x"])]);
    let rename = "dn: cn=Ada\nchangetype: modrdn\nnewrdn: cn=Ida\ndeleteoldrdn: 1\n";
    assert!(changes(rename, &["mail"]).unwrap().is_empty(), "nothing that is asked for");
    assert!(changes("version: 1\n", &["dn", "cn"]).unwrap().is_empty());
}

#[test]
fn changes_that_the_file_alone_does_not_tell_are_refused() {
    for (content, columns, place, message) in [
        (
            "dn: cn=a\nchangetype: modify\nadd: mail\nmail: b\n-\n",
            &["dn", "mail"][..],
            "line 3, column 1",
            "adds values to \"mail\"",
        ),
        (
            "dn: cn=a\nchangetype: modify\ndelete: mail\nmail: b\n-\n",
            &["dn", "mail"],
            "line 3, column 1",
            "takes values from",
        ),
        (
            "dn: cn=a\nchangetype: modify\nreplace: mail\nmail: b\n-\n",
            &["mail"],
            "line 3, column 1",
            "column dn is not mapped",
        ),
        ("dn: cn=a\nchangetype: delete\n", &["mail"], "line 2, column 1", "column dn is not mapped"),
        ("dn: cn=a\nchangetype: delete\ncn: a\n", &["dn"], "line 3, column 1", "nothing may follow"),
        (
            "dn: cn=a\nchangetype: modrdn\nnewrdn: cn=b\ndeleteoldrdn: 1\n",
            &["dn"],
            "line 2, column 1",
            "renames an entry",
        ),
        (
            "dn: cn=a\nchangetype: modrdn\nnewrdn: cn=b\ndeleteoldrdn: 1\n",
            &["cn"],
            "line 2, column 1",
            "renames an entry",
        ),
        ("dn: cn=a\nchangetype: twist\n", &["dn"], "line 2, column 13", "no changetype"),
        ("dn: cn=a\ncn: a\n", &["dn"], "line 2, column 1", "says changetype after the dn"),
        (
            "dn: cn=a\ncontrol: 1.2.840.113556.1.4.805 true\nchangetype: delete\n",
            &["dn"],
            "line 2, column 1",
            "control",
        ),
        ("dn: cn=a\nchangetype: modify\nreplace: mail\nmail: b\n", &["dn", "mail"], "line 5, column 1", "one hyphen"),
        ("dn: cn=a\nchangetype: modify\nreplace: mail\ncn: b\n-\n", &["dn"], "line 4, column 1", "a value of \"mail\""),
        (
            "dn: cn=a\nchangetype: modify\nincrement: n\nn: 1\n-\n",
            &["dn"],
            "line 3, column 1",
            "add, delete or replace",
        ),
    ] {
        let error = changes(content, columns).expect_err(content);
        assert_eq!(error.place, format!("changes.ldif, {place}"), "{content:?}: {error}");
        assert!(error.message.contains(message), "{content:?}: {error}");
    }
}
