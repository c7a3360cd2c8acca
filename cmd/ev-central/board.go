package main

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"evcp/internal/accounts"
	"evcp/internal/audit"
	"evcp/internal/config"
	"evcp/internal/console"
	"evcp/internal/credentials"
	"evcp/internal/dashboard"
	"evcp/internal/language"
	"evcp/internal/ocpi"
	"evcp/internal/operations"
)

// boardSettings say what stands on the page, who may read it, whom a proxy signs in, and what
// partners read.
type boardSettings struct {
	publicBoard, publicMetrics bool
	userHeader                 string
	notice                     string
	proxies                    []netip.Prefix
	pageURL                    string
	party                      ocpi.Party // of OCPI; zero is none
	provider                   dashboard.SignInProvider
	providerSecret             string // a file
}

// settings are their rows in the program's table.
func (b *boardSettings) settings() []config.Setting {
	const group = "Page"
	return []config.Setting{
		{Name: "notice", Arg: "TEXT", DefaultText: "none", Group: group, Help: "stands on every page and in every report", Scope: config.NotInFile, Set: config.Text(&b.notice)},
		{Name: "public-board", Group: group, Help: "anybody who reaches the page may read it", Scope: config.NotInFile, Set: config.Switch(&b.publicBoard)},
		{Name: "public-metrics", Group: group, Help: "anybody who reaches it may read /metrics", Scope: config.NotInFile, Set: config.Switch(&b.publicMetrics)},
		{Name: "trust-user-header", Arg: "NAME", Group: group, Help: "in which a proxy says who signed in there", Scope: config.NotInFile, Set: b.setHeader},
		{Name: "trust-proxy", Arg: "NETWORKS", Group: group, Help: "as 10.0.0.0/8: whose header counts", Scope: config.NotInFile, Set: b.setProxies},
		{Name: "page-url", Arg: "URL", DefaultText: "as asked", Group: group, Help: "by which others reach the page", Scope: config.NotInFile, Set: b.setPageURL},
		{Name: "oidc-issuer", Arg: "URL", DefaultText: "none", Group: group, Help: "OpenID Connect: where people sign in, too", Scope: config.NotInFile, Set: b.setIssuer},
		{Name: "oidc-client-id", Arg: "ID", Group: group, Help: "by which it knows this Central", Scope: config.NotInFile, Set: config.Text(&b.provider.ClientID)},
		{Name: "oidc-client-secret-file", Arg: "FILE", DefaultText: "none", Group: group, Help: "what proves that", Scope: config.NotInFile, Set: config.Text(&b.providerSecret)},
		{Name: "ocpi-party", Arg: "ID", DefaultText: "none", Group: group, Help: "as ES-ABC: whose ports OCPI partners read", Scope: config.NotInFile, Set: b.setParty},
	}
}

func (b *boardSettings) setHeader(name string) error {
	letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
	if strings.Trim(name, letters) != "" || len(name) > 64 {
		return language.New("a header is a name as X-Forwarded-User")
	}
	b.userHeader = name
	return nil
}

func (b *boardSettings) setProxies(list string) error {
	b.proxies = nil
	for text := range strings.SplitSeq(list, ",") {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if a, bare := netip.ParseAddr(text); err != nil && bare == nil {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			return language.New("a network is 10.0.0.0/8 or an address; several with commas")
		}
		b.proxies = append(b.proxies, p.Masked())
	}
	return nil
}

// plainURL parses a URL that has a host, and neither a user, a query nor a fragment.
func plainURL(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	return u, err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

func (b *boardSettings) setPageURL(text string) error {
	u, ok := plainURL(text)
	if !ok || u.Scheme != "http" && u.Scheme != "https" {
		return language.New("a URL is as https://central.example.net")
	}
	b.pageURL = strings.TrimRight(u.String(), "/")
	return nil
}

func (b *boardSettings) setIssuer(text string) error {
	if u, ok := plainURL(text); !ok || u.Scheme != "https" {
		return language.New("an issuer is as https://login.example.net/realms/x")
	}
	b.provider.Issuer = text // its own bytes: the provider repeats them
	return nil
}

// openSecret opens the file of the secret that the provider knows.
func (b *boardSettings) openSecret(files *credentials.Store) error {
	if b.providerSecret == "" {
		return nil
	}
	secret, err := files.Secret("oidc-client-secret-file", b.providerSecret)
	if err == nil {
		b.provider.Secret = secret.Text
	}
	return err
}

// signInProvider is where people sign in, too; nil: nowhere.
func (b *boardSettings) signInProvider() *dashboard.SignInProvider {
	if b.provider.Issuer == "" {
		return nil
	}
	return &b.provider
}

func (b *boardSettings) setParty(text string) error {
	var ok bool
	if b.party, ok = ocpi.ParseParty(text); !ok {
		return language.New("a party is a country and three letters or digits, as ES-ABC")
	}
	return nil
}

// check is the part of config.Program.Check for these settings.
func (b *boardSettings) check() (setting string, why error) {
	switch {
	case b.userHeader != "" && b.proxies == nil:
		return "trust-user-header", language.New("it goes with --trust-proxy: anybody can send a header")
	case b.userHeader == "" && b.proxies != nil:
		return "trust-proxy", language.New("it goes with --trust-user-header")
	case b.provider.Issuer != "" && (b.provider.ClientID == "" || b.pageURL == ""):
		return "oidc-issuer", language.New("it goes with --oidc-client-id and --page-url")
	case b.provider.Issuer == "" && b.provider.ClientID+b.providerSecret != "":
		return "oidc-client-id", language.New("it goes with --oidc-issuer")
	}
	return "", nil
}

func (b *boardSettings) rules(pages net.Listener) dashboard.AccessRules {
	r := dashboard.AccessRules{PublicBoard: b.publicBoard, PublicMetrics: b.publicMetrics, UserHeader: b.userHeader, Proxies: b.proxies}
	if pages != nil {
		r.Listens = pages.Addr()
	}
	return r
}

// boardFile is what people entered, in board.db.
type boardFile struct {
	file       *audit.BoardDB    // nil: it can't be opened
	accounts   *accounts.Store   // nil, too, then
	operations *operations.Store // empty then
}

// openBoard opens what people entered. Without it Central does all its work, and nobody can sign
// in.
func (o *options) openBoard(con *console.Console) *boardFile {
	b, err := readBoard(o.stateDir, con)
	if err != nil {
		con.Logger().Warn("nobody can sign in until a restart: board.db can't be opened", "error", err)
		return &boardFile{operations: operations.Empty()}
	}
	return b
}

func readBoard(dir string, con *console.Console) (*boardFile, error) {
	file, err := audit.Open(dir, con.Logger())
	if err != nil {
		return nil, err
	}
	b := &boardFile{file: file}
	var err1, err2 error
	b.accounts, err1 = accounts.Open(file, con.Logger())
	b.operations, err2 = operations.Open(file)
	if err := cmp.Or(err1, err2); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return b, nil
}

// Close closes the file.
func (b *boardFile) Close() error {
	if b.file == nil {
		return nil
	}
	return b.file.Close()
}

// firstTokenFile holds the first token where no terminal shows it. A journal keeps what is
// printed, so it is not printed there.
const firstTokenFile = "first-token"

// offerFirstToken makes the token by which the first operator is made, as long as there is no
// user. At a terminal it is printed once, else it is left in a file for the user of this
// process.
func (p *centralProcess) offerFirstToken(page string) {
	path := filepath.Join(p.options.stateDir, firstTokenFile)
	p.dropFirstToken()
	if p.board.accounts == nil {
		return
	}
	token, err := p.board.accounts.NewFirstToken()
	switch {
	case err == nil && token == "":
		return
	case err == nil && p.console.Terminal():
		p.console.Print(
			p.console.Language().Sprintf("Nobody can sign in to the page yet. At %s this token makes the first user, once:", page+"signin"),
			"  "+token, "",
		)
		return
	case err == nil:
		err = os.WriteFile(path, []byte(token+"\n"), 0o600)
	}
	if err != nil {
		p.console.Logger().Warn("no token for the first user: make one with ev-central user add", "error", err)
		return
	}
	p.console.Logger().Info("nobody can sign in to the page yet: the token in this file makes the first user, once", "file", path)
}

// dropFirstToken deletes the file: its token was used, or is an old one.
func (p *centralProcess) dropFirstToken() {
	path := filepath.Join(p.options.stateDir, firstTokenFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.console.Logger().Warn("can't delete the file of the first token", "file", path, "error", err)
	}
}
