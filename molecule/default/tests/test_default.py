def test_x(host):
    assert host.run("systemctl is-system-running").stdout.strip() == "running"
