package cli

import (
	"cmp"

	"evcp/internal/config"
	"evcp/internal/credentials"
	"evcp/internal/language"
	"evcp/internal/link"
	"evcp/internal/version"
)

// ClientTLS are the settings of TLS connections to one kind of server. Their names begin with
// Prefix: central-tls, central-ca, …
type ClientTLS struct {
	Prefix                    string
	On, Insecure              bool
	CA, Cert, Key, ServerName string
}

// Settings are their rows in a program's table; hidden leaves them out of the help.
func (t *ClientTLS) Settings(group string, hidden bool) []config.Setting {
	rows := []config.Setting{
		{Name: t.Prefix + "-tls", Group: group, Help: "TLS, with a verified certificate", Set: config.Switch(&t.On)},
		{Name: t.Prefix + "-ca", Arg: "FILE", DefaultText: "the system's", Group: group, Help: "authorities to trust, PEM", Set: config.Text(&t.CA)},
		{Name: t.Prefix + "-cert", Arg: "FILE", Group: group, Help: "own certificate, PEM", Set: config.Text(&t.Cert)},
		{Name: t.Prefix + "-key", Arg: "FILE", Group: group, Help: "its private key, PEM", Set: config.Text(&t.Key)},
		{Name: t.Prefix + "-server-name", Arg: "NAME", DefaultText: "the host", Group: group, Help: "name in the other's certificate", Set: config.Host(&t.ServerName)},
		{Name: "insecure-" + t.Prefix + "-tls-i-know", Group: group, Help: "any certificate; for a laboratory", Scope: config.FlagOnly, Set: config.Switch(&t.Insecure)},
	}
	for i := range rows {
		rows[i].Hidden = hidden
	}
	return rows
}

// Check is the part of config.Program.Check for these settings.
func (t *ClientTLS) Check() (setting string, why error) {
	needs := func(name, given string) (string, error) {
		return t.Prefix + name, goesWith(t.Prefix + given)
	}
	switch {
	case !t.On && t.CA != "":
		return needs("-ca", "-tls")
	case !t.On && t.Cert != "":
		return needs("-cert", "-tls")
	case !t.On && t.Key != "":
		return needs("-key", "-tls")
	case !t.On && t.ServerName != "":
		return needs("-server-name", "-tls")
	case !t.On && t.Insecure:
		return "insecure-" + t.Prefix + "-tls-i-know", goesWith(t.Prefix + "-tls")
	case t.Cert != "" && t.Key == "":
		return needs("-cert", "-key")
	case t.Key != "" && t.Cert == "":
		return needs("-key", "-cert")
	case t.Insecure && t.CA != "":
		return t.Prefix + "-ca", language.Errorf("it goes with --%s-tls alone: nothing is verified", t.Prefix)
	}
	return "", nil
}

func goesWith(setting string) error { return language.Errorf("it goes with --%s", setting) }

// Dialer wraps a Dialer for TCP: it makes TLS connections, if these settings ask for them.
// The error of a file that can't be used is a usage error.
func (t *ClientTLS) Dialer(tcp link.Dialer, files *credentials.Store) (link.Dialer, error) {
	if !t.On {
		return tcp, nil
	}
	c := &credentials.Client{ServerName: t.ServerName, Insecure: t.Insecure}
	if t.Insecure {
		files.AnyCertificate("insecure-" + t.Prefix + "-tls-i-know")
	}
	var err error
	if t.CA != "" {
		if c.Roots, err = files.Roots(t.Prefix+"-ca", t.CA); err != nil {
			return nil, FileError(t.Prefix+"-ca", err)
		}
	}
	if t.Cert != "" {
		if c.Pair, err = files.KeyPair(t.Prefix+"-cert", t.Cert, t.Key); err != nil {
			return nil, FileError(t.Prefix+"-cert", err)
		}
	}
	return &link.TLSDialer{Dialer: tcp, Config: c.Config, Built: version.Built()}, nil
}

// FileError is the usage error of a file that a setting names.
func FileError(setting string, err error) error {
	return UsageError(language.Errorf("--%s: %w", setting, err))
}

// ServerTLS are the settings of a listener for TLS connections. Their names begin with
// Prefix: tls-cert, http-tls-cert, …
type ServerTLS struct {
	Prefix                       string
	Cert, Key, ClientCA, Revoked string
}

// Settings are their rows in a program's table; those about clients where clients have
// certificates.
func (t *ServerTLS) Settings(group string, clients bool) []config.Setting {
	rows := []config.Setting{
		{Name: t.Prefix + "-cert", Arg: "FILE", Group: group, Help: "certificate, PEM", Scope: config.NotInFile, Set: config.Text(&t.Cert)},
		{Name: t.Prefix + "-key", Arg: "FILE", Group: group, Help: "its private key, PEM", Scope: config.NotInFile, Set: config.Text(&t.Key)},
	}
	if !clients {
		return rows
	}
	return append(rows,
		config.Setting{Name: t.Prefix + "-client-ca", Arg: "FILE", Group: group, Help: "Monitors need a certificate of these authorities", Scope: config.NotInFile, Set: config.Text(&t.ClientCA)},
		config.Setting{Name: t.Prefix + "-revoked", Arg: "FILE", Group: group, Help: "serial numbers that are refused, one a line", Scope: config.NotInFile, Set: config.Text(&t.Revoked)},
	)
}

// On reports whether a certificate was given.
func (t *ServerTLS) On() bool { return t.Cert != "" }

// Check is the part of config.Program.Check for these settings. listens reports whether the
// listener for which they are is on, and listener names its setting.
func (t *ServerTLS) Check(listens bool, listener string) (setting string, why error) {
	given := cmp.Or(t.Cert, t.Key, t.ClientCA, t.Revoked)
	switch {
	case given != "" && t.Cert == "":
		return t.Prefix + "-key", goesWith(t.Prefix + "-cert")
	case t.Cert != "" && t.Key == "":
		return t.Prefix + "-cert", goesWith(t.Prefix + "-key")
	case t.Cert != "" && !listens:
		return t.Prefix + "-cert", goesWith(listener)
	case t.Revoked != "" && t.ClientCA == "":
		return t.Prefix + "-revoked", goesWith(t.Prefix + "-client-ca")
	}
	return "", nil
}

// Open opens the files. It returns nil without a certificate. The error of a file that
// can't be used is a usage error.
func (t *ServerTLS) Open(files *credentials.Store) (*credentials.Server, error) {
	if !t.On() {
		return nil, nil
	}
	s := &credentials.Server{}
	var err error
	if s.Pair, err = files.KeyPair(t.Prefix+"-cert", t.Cert, t.Key); err != nil {
		return nil, FileError(t.Prefix+"-cert", err)
	}
	if t.ClientCA != "" {
		if s.ClientRoots, err = files.Roots(t.Prefix+"-client-ca", t.ClientCA); err != nil {
			return nil, FileError(t.Prefix+"-client-ca", err)
		}
	}
	if t.Revoked != "" {
		if s.Revoked, err = files.Revoked(t.Prefix+"-revoked", t.Revoked); err != nil {
			return nil, FileError(t.Prefix+"-revoked", err)
		}
	}
	return s, nil
}
