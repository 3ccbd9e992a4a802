//! The mapping of an entity type in a browser: values before and after, changes in place, an expression tried.

use crate::support::browser::Look;
use crate::support::site::Site;

#[tokio::test]
async fn a_mapping_is_seen_with_its_values_and_changed_in_place() {
    let site = Site::of_example("hr.toml");
    site.program.run(&["run", "hr", "--wait"]).exited(3);
    let before = site.program.run(&["export", "hr"]).succeeded().stdout;
    let browser = site.browse().await;
    browser.look(1440, Look::Light).await;
    browser.open("/connectors/hr/edit").await;
    // The menu has a link of the same words, to the resources.
    browser.run("document.querySelector('main .chips a[href$=hr_person]').click()", vec![]).await;
    browser.shows("values from the extraction of run 1").await;
    for text in ["10/12/2019", "2019-12-10", "ALovelace", "alovelace"] {
        browser.shows(text).await;
    }
    browser.is_in_order_everywhere("mapping").await;

    // An expression is tried on real rows; what is wrong with it is told by line and column.
    browser
        .run("document.getElementById('try-expression').value = \"upper(row.Surname) + ', ' + row.GivenName\"", vec![])
        .await;
    browser.click("Try").await;
    browser.shows("LOVELACE, Ada").await;
    browser.is_in_order_everywhere("mapping-tried").await;
    browser.run("document.getElementById('try-expression').value = 'uper(row.Surname)'", vec![]).await;
    browser.click("Try").await;
    browser.shows("line 1, column").await;

    // Taken out, the column is one that nothing reads, and can be added again.
    browser
        .run("document.querySelector('input[name=property][value=mail]').form.closest('details').open = true", vec![])
        .await;
    browser.click("Take out mail").await;
    browser.shows("Not changed: ").await;
    browser
        .run("document.querySelector('input[name=property][value=active]').form.closest('details').open = true", vec![])
        .await;
    browser.click("Take out active").await;
    browser.shows("active is taken out, in the draft.").await;
    browser.shows("Columns that nothing reads").await;
    browser.is_in_order_everywhere("mapping-draft").await;
    browser.click("Add Active").await;
    browser.shows("active is added, in the draft.").await;

    let script = "const form = document.querySelector('input[name=property][value=hire_date]').form;
                  form.closest('details').open = true;
                  form.elements.format.value = '%d.%m.%Y'";
    browser.run(script, vec![]).await;
    browser.click("Save in the draft hire_date").await;
    browser.shows("hire_date is changed, in the draft.").await;
    browser.shows("problem").await;
    assert_eq!(site.program.run(&["export", "hr"]).succeeded().stdout, before, "runs use what they used");
    browser.click("Look at the draft").await;
    browser.shows("+  format = \"%d.%m.%Y\"").await;
    browser.close().await;
}

#[tokio::test]
async fn without_an_extraction_the_page_says_so() {
    let site = Site::of_example("hr.toml");
    let browser = site.browse().await;
    browser.open("/connectors/hr/mapping/hr_department").await;
    browser.shows("no values: nothing was exported yet").await;
    browser.run("document.getElementById('try-expression').value = 'row.Code'", vec![]).await;
    browser.click("Try").await;
    browser.shows("there are no rows to try it on").await;
    browser.close().await;
}
