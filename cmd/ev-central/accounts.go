package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"evcp"
	"evcp/internal/accounts"
	"evcp/internal/audit"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/operations"
	"evcp/internal/status"
)

// accountCommands are the commands about who may do what.
var accountCommands = []string{"user add", "user password", "user list", "user remove", "token", "token list", "token revoke"}

// accountSettings are their settings.
type accountSettings struct {
	role    accounts.Role
	name    string
	expires time.Duration
}

// settings are their rows in the program's table.
func (a *accountSettings) settings() []config.Setting {
	const group = "Page"
	return []config.Setting{
		{Name: "role", Arg: "NAME", Group: group, Help: "of a user or a token: viewer or operator", Scope: config.FlagOnly, Set: config.Choice(&a.role, accounts.Roles...)},
		{Name: "name", Arg: "NAME", Group: group, Help: "of a token", Scope: config.FlagOnly, Set: config.Text(&a.name)},
		{Name: "expires", Arg: "DAYS", DefaultText: "90d", Group: group, Help: "of a token: 90d, 12h", Scope: config.FlagOnly, Set: a.setExpires},
	}
}

// usualLife is how long a token is good that nobody said it of.
const usualLife = 90 * 24 * time.Hour

func (a *accountSettings) setExpires(text string) error {
	life, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		life = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || life < accounts.MinTokenLife || life > accounts.MaxTokenLife {
		return language.New("a token is good for 1h to 3660d")
	}
	a.expires = life
	return nil
}

// accountsPath is where a running Central takes these commands, on the socket in its state
// folder, by POST.
const accountsPath = "/api/v1/accounts"

// accountOrder is one of the commands, as it is sent to Central.
type accountOrder struct {
	Command string                `json:"command"`
	Name    string                `json:"name"`
	Role    accounts.Role         `json:"role"`
	Hash    accounts.PasswordHash `json:"hash"`
	Life    time.Duration         `json:"life"`
	Who     string                `json:"who"` // runs the command
}

// accountAnswer is what came of it.
type accountAnswer struct {
	Secret string       `json:"secret"` // of a new token
	Rows   []accountRow `json:"rows"`
}

// accountRow is a user or a token.
type accountRow struct {
	Name    string        `json:"name"`
	Role    accounts.Role `json:"role"`
	Expires evcp.Stamp    `json:"expires"` // of a token
}

// do carries a command out.
func (o accountOrder) do(s *accounts.Store) (a accountAnswer, err error) {
	switch o.Command {
	case "user list":
		for _, u := range s.Users() {
			a.Rows = append(a.Rows, accountRow{Name: u.Name, Role: u.Role})
		}
		return a, nil
	case "token list":
		for _, t := range s.Tokens() {
			a.Rows = append(a.Rows, accountRow{t.Name, t.Role, t.Expires})
		}
		return a, nil
	}
	err = s.Change(audit.Actor{Name: o.Who, Kind: audit.ByLocal}, func(c *audit.BoardChange) (err error) {
		switch o.Command {
		case "user add":
			_, err = s.AddUser(c, o.Name, o.Role, o.Hash)
		case "user password":
			err = s.SetPassword(c, o.Name, o.Hash, "")
		case "user remove":
			err = s.RemoveUser(c, o.Name)
		case "token":
			a.Secret, _, err = s.AddToken(c, o.Name, o.Role, o.Life)
		case "token revoke":
			err = s.RevokeToken(c, o.Name)
		default:
			err = errors.New("unknown command")
		}
		return err
	})
	return a, err
}

func (p *centralProcess) handleAccounts(mux *http.ServeMux) {
	mux.HandleFunc("POST "+accountsPath, func(w http.ResponseWriter, r *http.Request) {
		var o accountOrder
		if err := json.NewDecoder(io.LimitReader(r.Body, maxAnnotation)).Decode(&o); err != nil {
			status.WriteProblem(w, http.StatusBadRequest, err)
			return
		}
		if p.board.accounts == nil {
			status.WriteProblem(w, http.StatusServiceUnavailable, operations.ErrNoFile)
			return
		}
		answer, err := o.do(p.board.accounts)
		if err != nil {
			status.WriteProblem(w, http.StatusConflict, err)
			return
		}
		if len(p.board.accounts.Users()) > 0 {
			p.dropFirstToken()
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // the client may have gone
	})
}

// accountCommand is one command about who may do what.
type accountCommand struct {
	accountSettings
	dir     string // Central's state folder
	operand string
	said    language.Language
	stdin   *os.File
	stdout  io.Writer
}

// say prints a line.
func (c accountCommand) say(format string, args ...any) {
	fmt.Fprintln(c.stdout, display.Safe(c.said.Sprintf(format, args...)))
}

func (c accountCommand) run(ctx context.Context, command string) error {
	o := accountOrder{Command: command, Name: c.operand, Role: c.role, Life: c.expires, Who: userName()}
	if err := c.complete(&o); err != nil {
		return cli.UsageError(err)
	}
	if command == "user add" || command == "user password" {
		password, err := c.askPassword()
		if err == nil {
			o.Hash, err = accounts.HashPassword(ctx, o.Name, password)
		}
		if err != nil {
			return language.Errorf("%s: %w", command, err)
		}
	}
	a, err := c.send(ctx, o)
	if err != nil {
		return language.Errorf("%s: %w", strings.TrimSpace(command+" "+o.Name), err)
	}
	c.print(o, a)
	return nil
}

// complete checks what was given with a command.
func (c accountCommand) complete(o *accountOrder) error {
	switch o.Command {
	case "token":
		switch {
		case c.operand != "" || c.name == "" || c.role == "":
			return language.New("a token for which program? ev-central token --name ci --role viewer --expires 90d")
		case o.Life == 0:
			o.Life = usualLife
		}
		o.Name = c.name
	case "user list", "token list":
		if c.operand != "" {
			return language.Errorf("unexpected argument %s.", strconv.Quote(c.operand))
		}
		return nil
	default:
		switch {
		case c.operand == "":
			return language.Errorf("%s: whose name? ev-central %s NAME", o.Command, o.Command)
		case o.Command == "user add" && c.role == "":
			return language.New("user add needs --role viewer or --role operator")
		}
	}
	return accounts.ParseName(o.Name)
}

// askPassword asks twice at a terminal, and reads a line elsewhere.
func (c accountCommand) askPassword() (string, error) {
	fd := int(c.stdin.Fd())
	if !term.IsTerminal(fd) {
		line, err := bufio.NewReader(io.LimitReader(c.stdin, maxAnnotation)).ReadString('\n')
		if err != nil && line == "" {
			return "", language.New("no password: it is the first line of the input")
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	var both [2]string
	for i, prompt := range []string{c.said.Text("Password (10 characters or more): "), c.said.Text("Again: ")} {
		fmt.Fprint(c.stdout, prompt)
		typed, err := term.ReadPassword(fd)
		fmt.Fprintln(c.stdout)
		if err != nil {
			return "", err
		}
		both[i] = string(typed)
	}
	if both[0] != both[1] {
		return "", language.New("the two passwords differ")
	}
	return both[0], nil
}

// send has the Central that runs in the state folder do it; where none runs, this process does.
// Only the first user makes a folder: another command would make one for a misspelt --state-dir.
func (c accountCommand) send(ctx context.Context, o accountOrder) (a accountAnswer, err error) {
	err = historyCommand{dir: c.dir}.ask(ctx, accountsPath, o, &a)
	if !noCentral(err) {
		return a, err
	}
	if o.Command != "user add" && !exists(filepath.Join(c.dir, audit.FileName)) {
		return a, language.Errorf("no Central has kept anything in %s", c.dir)
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return a, err
	}
	log := slog.New(slog.DiscardHandler)
	file, err := audit.Open(c.dir, log)
	if err != nil {
		return a, err
	}
	s, err := accounts.Open(file, log)
	if err == nil {
		a, err = o.do(s)
	}
	return a, errors.Join(err, file.Close())
}

func (c accountCommand) print(o accountOrder, a accountAnswer) {
	switch o.Command {
	case "user add":
		c.say("%s can sign in now, as %s", o.Name, o.Role)
	case "user password":
		c.say("%s has another password, and is signed out everywhere", o.Name)
	case "user remove":
		c.say("%s can't sign in any more", o.Name)
	case "token revoke":
		c.say("the token %s is good no more", o.Name)
	case "token":
		c.say("The token %s is good until %s. It is shown this once:", o.Name, time.Now().Add(o.Life).UTC().Format(time.DateOnly))
		fmt.Fprintln(c.stdout, a.Secret)
	case "user list":
		if len(a.Rows) == 0 {
			c.say("nobody can sign in yet: ev-central user add NAME --role operator")
		}
		for _, row := range a.Rows {
			fmt.Fprintf(c.stdout, "%-24s  %s\n", row.Name, row.Role)
		}
	case "token list":
		if len(a.Rows) == 0 {
			c.say("no tokens")
		}
		for _, row := range a.Rows {
			c.say("%-24s  %-8s  until %s", row.Name, row.Role, row.Expires.Time().UTC().Format(time.DateOnly))
		}
	}
}
