//! Values in files of their own.

use super::load_env;

#[test]
fn a_value_may_be_in_a_file_that_a_variable_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    std::fs::write(&path, "https://chat.example.org\r\n").unwrap();
    let name = "CHATD_SERVER__PUBLIC_URL__FILE";
    let loaded = load_env(&[(name, path.to_str().unwrap())]).unwrap();
    assert_eq!(loaded.config.server.public_url, "https://chat.example.org");
    assert_eq!(loaded.origins["server.public_url"].to_string(), name);

    std::fs::write(&path, "chat").unwrap();
    let refusal = load_env(&[(name, path.to_str().unwrap())]).unwrap_err();
    assert_eq!(refusal.place, name);
    assert!(refusal.problem.ends_with("not \"chat\""), "{refusal}");
    let refusal = load_env(&[(name, "/nowhere")]).unwrap_err().to_string();
    let expected = format!("{name}: the file \"/nowhere\" cannot be read: ");
    assert!(refusal.starts_with(&expected), "{refusal}");
    std::fs::write(&path, "https://chat.example.org").unwrap();
    let plain = ("CHATD_SERVER__PUBLIC_URL", "https://a.org");
    let filed = (name, path.to_str().unwrap());
    for [one, other] in [[plain, filed], [filed, plain]] {
        let refusal = load_env(&[one, other]).unwrap_err();
        assert_eq!(refusal.place, other.0);
        let expected = format!("{} sets the same; leave out either", one.0);
        assert_eq!(refusal.problem, expected);
    }
    std::fs::write(&path, "x".repeat(64 * 1024 + 1)).unwrap();
    let refusal = load_env(&[(name, path.to_str().unwrap())]).unwrap_err();
    assert!(
        refusal.problem.contains("more than 65536 bytes"),
        "{refusal}"
    );
    let refusal = load_env(&[("CHATD_SERVER__LISEN__FILE", "x")]).unwrap_err();
    let expected = "unknown variable; did you mean CHATD_SERVER__LISTEN?";
    assert_eq!(refusal.problem, expected);
}
