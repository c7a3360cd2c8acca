// Package kafkasettings holds the settings by which a program logs in at Kafka's brokers.
package kafkasettings

import (
	"crypto/tls"
	"net/url"
	"slices"

	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/credentials"
	"evcp/internal/kafka"
	"evcp/internal/language"
)

// LoginSettings are the settings of a login; the zero LoginSettings is none.
type LoginSettings struct {
	mechanism, username, passwordFile             string
	tokenURL, clientID, clientSecretFile, tokenCA string
	scope                                         string
}

const saslOff = "none"

// Settings are their rows in a program's table. A password in a command line is seen by
// every user of the machine, and one in a variable by every child process.
func (l *LoginSettings) Settings(group string) []config.Setting {
	refused := func(name, instead string) config.Setting {
		return config.Setting{Name: name, Arg: "TEXT", Group: group, Hidden: true, Secret: true, Set: func(string) error {
			return language.Errorf("a secret is given by a file that only this program can read: --%s FILE", instead)
		}}
	}
	return []config.Setting{
		{Name: "kafka-sasl", Arg: "NAME", Default: saslOff, Group: group, Help: "none, plain, scram-sha-256, scram-sha-512, oauthbearer",
			Set: config.Choice(&l.mechanism, saslOff, kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512, kafka.OAuthBearer)},
		{Name: "kafka-username", Arg: "NAME", Group: group, Set: config.Text(&l.username)},
		{Name: "kafka-password-file", Arg: "FILE", Group: group, Help: "the password alone, in one line", Set: config.Text(&l.passwordFile)},
		refused("kafka-password", "kafka-password-file"),
		{Name: "kafka-oauth-token-url", Arg: "URL", Group: group, Secret: true, Help: "https://… of client credentials", Set: l.setTokenURL},
		{Name: "kafka-oauth-client-id", Arg: "ID", Group: group, Set: config.Text(&l.clientID)},
		{Name: "kafka-oauth-client-secret-file", Arg: "FILE", Group: group, Help: "the secret alone, in one line", Set: config.Text(&l.clientSecretFile)},
		refused("kafka-oauth-client-secret", "kafka-oauth-client-secret-file"),
		{Name: "kafka-oauth-scope", Arg: "TEXT", Group: group, Set: config.Text(&l.scope)},
		{Name: "kafka-oauth-ca", Arg: "FILE", DefaultText: "the system's", Group: group, Help: "authorities of the token server", Set: config.Text(&l.tokenCA)},
	}
}

func (l *LoginSettings) setTokenURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return language.New("a token server's address begins with https://: the secret is sent there")
	}
	l.tokenURL = s
	return nil
}

// Check is the part of config.Program.Check for these settings. tlsOn: Kafka is reached by
// TLS.
func (l *LoginSettings) Check(tlsOn bool) (setting string, why error) {
	type row struct{ name, value string }
	password := []row{{"kafka-username", l.username}, {"kafka-password-file", l.passwordFile}}
	token := []row{{"kafka-oauth-token-url", l.tokenURL}, {"kafka-oauth-client-id", l.clientID}, {"kafka-oauth-client-secret-file", l.clientSecretFile}}
	optional := []row{{"kafka-oauth-scope", l.scope}, {"kafka-oauth-ca", l.tokenCA}}
	var needed, foreign []row
	goesWith := "kafka-sasl " + kafka.OAuthBearer
	switch l.mechanism {
	case kafka.OAuthBearer:
		needed, foreign, goesWith = token, password, "kafka-sasl "+kafka.Plain+", "+kafka.ScramSHA256+", "+kafka.ScramSHA512
	case saslOff:
		foreign, goesWith = slices.Concat(password, token, optional), "kafka-sasl"
	default:
		needed, foreign = password, slices.Concat(token, optional)
	}
	for _, r := range foreign {
		if r.value != "" {
			return r.name, language.Errorf("it goes with --%s", goesWith)
		}
	}
	for _, r := range needed {
		if r.value == "" {
			return "kafka-sasl", language.Errorf("it needs --%s", r.name)
		}
	}
	if (l.mechanism == kafka.Plain || l.mechanism == kafka.OAuthBearer) && !tlsOn {
		return "kafka-sasl", language.New("it shows the secret to everybody on the way: it needs --kafka-tls")
	}
	return "", nil
}

// Open opens the files; nil: there is no login.
func (l *LoginSettings) Open(files *credentials.Store) (*kafka.Login, error) {
	if l.mechanism == saslOff {
		return nil, nil
	}
	login := &kafka.Login{Mechanism: l.mechanism, Username: l.username}
	if l.mechanism != kafka.OAuthBearer {
		password, err := files.Secret("kafka-password-file", l.passwordFile)
		if err != nil {
			return nil, cli.FileError("kafka-password-file", err)
		}
		login.Password = password.Text
		return login, nil
	}
	secret, err := files.Secret("kafka-oauth-client-secret-file", l.clientSecretFile)
	if err != nil {
		return nil, cli.FileError("kafka-oauth-client-secret-file", err)
	}
	server := &kafka.TokenClient{URL: l.tokenURL, ClientID: l.clientID, Secret: secret.Text, Scope: l.scope}
	if l.tokenCA != "" {
		roots, err := files.Roots("kafka-oauth-ca", l.tokenCA)
		if err != nil {
			return nil, cli.FileError("kafka-oauth-ca", err)
		}
		c := &credentials.Client{Roots: roots}
		server.TLS = func() (*tls.Config, error) { return c.Config("") }
	}
	login.Token, login.Refused = server.Token, server.Forget
	return login, nil
}
