package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
)

// giteaReady is where Gitea is, and the token of its administrator.
type giteaReady struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// giteaConfig leaves out what needs a network or a browser. %[1]s is the session's directory, %[2]s the static files,
// %[3]s the user who runs it, %[4]s and %[5]s the address and its port.
const giteaConfig = `
RUN_MODE = prod
RUN_USER = %[3]s
WORK_PATH = %[1]s
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[5]s
DOMAIN = 127.0.0.1
ROOT_URL = http://%[4]s/
STATIC_ROOT_PATH = %[2]s
APP_DATA_PATH = %[1]s/data
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = %[1]s/gitea.db
SQLITE_JOURNAL_MODE = WAL
[repository]
ROOT = %[1]s/repositories
DEFAULT_BRANCH = main
[security]
INSTALL_LOCK = true
SECRET_KEY = stack
PASSWORD_HASH_ALGO = pbkdf2_v1
[service]
DISABLE_REGISTRATION = true
[session]
PROVIDER = memory
[indexer]
ISSUE_INDEXER_TYPE = db
[queue]
TYPE = channel
[actions]
ENABLED = false
[packages]
ENABLED = false
[mailer]
ENABLED = false
[webhook]
ALLOWED_HOST_LIST = loopback
[log]
MODE = console
LEVEL = warn
[cron.update_checker]
ENABLED = false
`

// gitea runs Gitea with one administrator, who makes the users and repositories of the tests.
func gitea(s *session) (any, error) {
	program, err := exec.LookPath("gitea")
	if err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	at, err := addresses(1)
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(giteaConfig, s.dir, filepath.Dir(program), me.Username, at[0], port(at[0]))
	if err := os.WriteFile(s.path("app.ini"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	command := func(args ...string) *exec.Cmd {
		c := s.command(program, append(args, "--config="+s.path("app.ini"))...)
		c.Env = append(c.Env, "USER="+me.Username, "GITEA_WORK_DIR="+s.dir, "GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT=true")
		return c
	}
	const admin = "keeper" // Gitea keeps "admin" for itself
	for _, args := range [][]string{
		{"migrate"},
		{"admin", "user", "create", "--admin", "--username=" + admin, "--password=" + admin + "-Pass-1",
			"--email=" + admin + "@example.com", "--must-change-password=false"},
	} {
		if _, err := s.output(command(args...)); err != nil {
			return nil, err
		}
	}
	out, err := s.output(command("admin", "user", "generate-access-token", "--username="+admin,
		"--token-name=stack", "--scopes=all", "--raw"))
	if err != nil {
		return nil, err
	}
	words := strings.Fields(out) // the token is the last; for root, a warning comes before it
	if len(words) == 0 {
		return nil, fmt.Errorf("gitea made no token")
	}
	if err := s.start(command("web")); err != nil {
		return nil, err
	}
	ready := giteaReady{URL: "http://" + at[0], Token: words[len(words)-1]}
	return ready, s.listens("gitea", at[0])
}
