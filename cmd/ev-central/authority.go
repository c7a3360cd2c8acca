package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/display"
	"evcp/internal/language"
)

// authoritySettings are the settings of ev-central ca.
type authoritySettings struct {
	dir, out, fleet string
	servers         []string
}

// settings are their rows in the program's table.
func (a *authoritySettings) settings() []config.Setting {
	const group = "Authority"
	return []config.Setting{
		{Name: "ca-dir", Arg: "DIR", DefaultText: "~/.local/state/ev-central-ca", Group: group, Help: "where the authority is", Scope: config.NotInFile, Set: config.Text(&a.dir)},
		{Name: "out", Arg: "DIR", DefaultText: "this one", Group: group, Help: "where a certificate is written", Scope: config.FlagOnly, Set: config.Text(&a.out)},
		{Name: "fleet", Arg: "NAME", Group: group, Help: "a Monitor of several charge points", Scope: config.FlagOnly, Set: a.setFleet},
		{Name: "server", Arg: "HOST,HOST", Group: group, Help: "the names by which it is reached", Scope: config.FlagOnly, Set: a.setServers},
	}
}

func (a *authoritySettings) setFleet(name string) (err error) {
	a.fleet, err = authority.ParseFleet(name)
	return err
}

func (a *authoritySettings) setServers(list string) error {
	a.servers = nil
	for name := range strings.SplitSeq(list, ",") {
		var host string
		if err := config.Host(&host)(strings.TrimSpace(name)); err != nil {
			return err
		}
		a.servers = append(a.servers, host)
	}
	return nil
}

// given is a setting of ca issue that was given; "" if none was.
func (a *authoritySettings) given() string {
	switch {
	case a.fleet != "":
		return "fleet"
	case a.servers != nil:
		return "server"
	case a.out != "":
		return "out"
	}
	return ""
}

// run does one command of ev-central ca.
func (a *authoritySettings) run(in config.Invocation, stdout io.Writer) error {
	if a.dir == "" {
		state := cli.UserState(os.Getenv)
		if state == "" {
			return cli.UsageError(language.New("no folder for the authority: HOME is not set; give one with --ca-dir"))
		}
		a.dir = filepath.Join(state, name+"-ca")
	}
	c := authorityCommand{authoritySettings: *a, operand: in.Operand, said: in.Language, stdout: stdout}
	switch in.Command {
	case "ca init":
		return c.init()
	case "ca issue":
		return c.issue()
	case "ca revoke":
		return c.revoke()
	default:
		return c.list()
	}
}

// authorityCommand is one command of ev-central ca.
type authorityCommand struct {
	authoritySettings
	operand string
	said    language.Language
	stdout  io.Writer
}

// say prints a line. Names of folders may hold anything.
func (c authorityCommand) say(format string, args ...any) {
	fmt.Fprintln(c.stdout, display.Safe(c.said.Sprintf(format, args...)))
}

// next prints a command as it is typed.
func (c authorityCommand) next(words ...string) {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = shellWord(word)
	}
	fmt.Fprintln(c.stdout, "  "+strings.Join(quoted, " "))
}

// shellWord is a word as it is typed in a shell.
func shellWord(word string) string {
	if safe := display.Safe(word); safe != word { // a folder with a line break in its name
		return strconv.Quote(word)
	}
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,=@+%") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// noOperand rejects what follows a command that takes nothing.
func (c authorityCommand) noOperand() error {
	if c.operand != "" {
		return cli.UsageError(language.Errorf("%s: the command takes no argument", strconv.Quote(c.operand)))
	}
	return nil
}

// withDir adds --ca-dir to a command, where it is not the default.
func (c authorityCommand) withDir(words ...string) []string {
	if c.dir != filepath.Join(cli.UserState(os.Getenv), name+"-ca") {
		words = append(words, "--ca-dir", c.dir)
	}
	return words
}

func (c authorityCommand) init() error {
	if err := c.noOperand(); err != nil {
		return err
	}
	f, err := authority.Create(c.dir, time.Now())
	if err != nil {
		return language.Errorf("ca init: %w", err)
	}
	c.say("made an authority in %s, until %s", c.dir, day(f.Certificate.NotAfter))
	c.say("Its key is %s: who has it can be everybody. Copy it nowhere.", f.KeyPath())
	c.say("Next, with the name by which Monitors reach Central:")
	c.next(c.withDir(name, "ca", "issue", "--server", "central.example")...)
	return f.Close()
}

func (c authorityCommand) open(command string) (*authority.Folder, error) {
	f, err := authority.Open(c.dir)
	switch {
	case errors.Is(err, authority.ErrNone):
		return nil, language.Errorf("%s: %w; make one with ev-central ca init", command, err)
	case err != nil:
		return nil, language.Errorf("%s: %w", command, err)
	}
	return f, nil
}

// request says what is to be issued, from what was given: one of an id, a fleet, a server.
func (c authorityCommand) request() (name string, r authority.CertificateRequest, err error) {
	kinds := 0
	if c.operand != "" {
		var id evcp.CPID
		if err := config.CPID(&id)(c.operand); err != nil {
			return "", r, language.Errorf("ca issue %s: %w", strconv.Quote(c.operand), err)
		}
		kinds, name, r.URI = kinds+1, c.operand, authority.ChargePointURI(id)
	}
	if c.fleet != "" {
		kinds, name, r.URI = kinds+1, c.fleet, authority.FleetURI(c.fleet)
	}
	if c.servers != nil {
		kinds, name, r.Names = kinds+1, c.servers[0], c.servers
	}
	if kinds != 1 {
		return "", r, language.New("ca issue for whom? ev-central ca issue CP_001, or --fleet NAME, or --server HOST")
	}
	return name, r, nil
}

func (c authorityCommand) issue() error {
	file, r, err := c.request()
	if err != nil {
		return cli.UsageError(err)
	}
	f, err := c.open("ca issue")
	if err != nil {
		return err
	}
	issued, cert, key, err := f.IssueTo(c.out, file, r)
	if err != nil {
		return errors.Join(language.Errorf("ca issue: %w", err), f.Close())
	}
	c.say("made %s and %s, until %s, serial number %s", cert, key, day(issued.Certificate.NotAfter), authority.Serial(issued.Certificate))
	if r.URI == "" {
		c.afterServer(f, cert, key)
	} else {
		c.afterMonitor(f, cert, key)
	}
	return f.Close()
}

// afterServer says how Central is started with its certificate.
func (c authorityCommand) afterServer(f *authority.Folder, cert, key string) {
	c.say("Central, if the certificate is for it:")
	c.next(name, "--tls-listen", ":5443", "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", f.CertPath(), "--tls-revoked", f.RevokedPath())
	c.say("Next, for each charge point:")
	c.next(c.withDir(name, "ca", "issue", "CP_001")...)
}

// afterMonitor says how a Monitor is started with its certificate.
func (c authorityCommand) afterMonitor(f *authority.Folder, cert, key string) {
	host := "central.example"
	entries, _ := f.Entries() // without them the example stands there
	for _, e := range entries {
		if !strings.HasPrefix(e.For, "urn:") {
			host, _, _ = strings.Cut(e.For, ",")
		}
	}
	if c.fleet != "" {
		c.say("In Central's registry, the charge points that it speaks for:")
		fmt.Fprintf(c.stdout, "  CP_001 fleet=%s\n", c.fleet)
	}
	c.say("Next, on the Monitor's machine, with copies of %s, %s and %s:", cert, key, f.CertPath())
	id := cmp.Or(c.operand, "CP_001")
	c.next("ev-cp-m", "--cp-id", id, "--central-ip", host, "--central-port", "5443",
		"--central-tls", "--central-ca", f.CertPath(), "--central-cert", cert, "--central-key", key)
}

func (c authorityCommand) revoke() error {
	if c.operand == "" {
		return cli.UsageError(language.New("ca revoke which serial number? ev-central ca list shows them"))
	}
	f, err := c.open("ca revoke")
	if err != nil {
		return err
	}
	entry, err := f.Revoke(c.operand, time.Now())
	switch {
	case err != nil:
		return errors.Join(language.Errorf("ca revoke %s: %w", strconv.Quote(c.operand), err), f.Close())
	case entry.Revoked:
		c.say("%s, for %s, was revoked before", entry.Serial, entry.For)
	default:
		c.say("revoked %s, for %s: a Central with --tls-revoked %s refuses it within 5 s", entry.Serial, entry.For, f.RevokedPath())
	}
	return f.Close()
}

func (c authorityCommand) list() error {
	if err := c.noOperand(); err != nil {
		return err
	}
	f, err := c.open("ca list")
	if err != nil {
		return err
	}
	entries, err := f.Entries()
	for _, e := range entries {
		state := ""
		if e.Revoked {
			state = c.said.Text("revoked")
		}
		fmt.Fprintln(c.stdout, strings.TrimRight(fmt.Sprintf("%-32s  %s  %s  %s", e.Serial, day(e.Until), display.Safe(e.For), state), " "))
	}
	return errors.Join(err, f.Close())
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
