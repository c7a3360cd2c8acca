package alert

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestParseReceivers(t *testing.T) {
	all, err := ParseReceivers(`# who is told
webhook+https://hooks.example.com/a?b=c#0123456789abcdef

webhook+https://hooks.example.com/other#whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
alertmanager+http://127.0.0.1:9093
ntfy+https://tk_secret@ntfy.sh/evcp
telegram+https://123456:AAE_secret@api.telegram.org/-1001234
slack+https://hooks.slack.com/services/T00/B00/XXXX
teams+https://example.logic.azure.com/workflows/1?sig=secret
smtp://ana:se%20cret@mail.example.com/?from=central@example.com&to=ana@example.com,eva@example.com
smtps://[2001:db8::1]/?from=a@b&to=c@d
`)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	want := []string{
		"webhook+https://hooks.example.com", "webhook+https://hooks.example.com #2", "alertmanager+http://127.0.0.1:9093", "ntfy+https://ntfy.sh", "telegram+https://api.telegram.org",
		"slack+https://hooks.slack.com", "teams+https://example.logic.azure.com", "smtp://mail.example.com", "smtps://[2001:db8::1]",
	}
	if got := strings.Join(names, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("names\n%s", got)
	}
	if m := all[7].Mail; m.Server != "mail.example.com:587" || m.Password != "se cret" || len(m.To) != 2 || m.TLS || m.Plain {
		t.Errorf("%+v", m)
	}
	if m := all[8].Mail; m.Server != "[2001:db8::1]:465" || !m.TLS || m.User != "" {
		t.Errorf("%+v", m)
	}
}

// Each bad line has an error of its own, with its number and without what it holds.
func TestBadReceivers(t *testing.T) {
	const secret = "S3CR3Tabcdefgh"
	for line, want := range map[string]string{
		"":                                                    "it names no receiver: one URL a line",
		"# nothing":                                           "it names no receiver: one URL a line",
		secret:                                                "line 1: this is no URL",
		"https://" + secret + "/" + secret:                    "line 1: https:// is not known; there are webhook+https, ",
		"webhook+ftp://h/" + secret:                           "line 1: webhook+ftp:// is not known",
		"webhook://h/" + secret:                               "line 1: webhook:// is not known",
		"webhook+https:///" + secret:                          "line 1: webhook+https:// needs a host",
		"webhook+https://h:99999/" + secret:                   "line 1: webhook+https:// needs a host, or HOST:PORT",
		"webhook+https://h/" + secret:                         "line 1: a webhook needs a key of at least 16 bytes behind a #",
		"webhook+https://h/#short":                            "line 1: a webhook needs a key of at least 16 bytes",
		"webhook+https://h/#whsec_" + secret:                  "line 1: what follows whsec_ is no base64",
		"webhook+https://h/%zz" + secret:                      "line 1: this is no URL",
		"webhook+https://h /" + secret:                        "line 1: this is no URL",
		"ntfy+https://" + secret + "@ntfy.sh":                 "line 1: ntfy+https://ntfy.sh needs a topic",
		"ntfy+https://ntfy.sh/t#" + secret:                    "line 1: ntfy+https://ntfy.sh takes nothing behind a #",
		"telegram+https://" + secret + "@api.telegram.org/1":  "line 1: telegram+https://api.telegram.org needs the bot's token and a chat",
		"telegram+https://1:" + secret + "@api.telegram.org":  "line 1: telegram+https://api.telegram.org needs the bot's token and a chat",
		"smtp://h/":                                           "line 1: mail needs its addresses",
		"smtp://h/?from=a@b&to=" + secret:                     "line 1: mail needs its addresses",
		"smtp://h/?from=a@b&to=c@d&to=" + secret:              "line 1: mail needs its addresses",
		"smtp://h/?from=a@b&to=c@d&bcc=" + secret:             "line 1: mail needs its addresses",
		"smtp://h/?from=a@b%0d%0aX:&to=c@d":                   "line 1: mail needs its addresses",
		"smtp://u:" + secret + "@h/?from=a@b&to=c@d&tls=none": "line 1: mail needs its addresses",
		"smtps://h/?from=a@b&to=c@d&tls=none":                 "line 1: mail needs its addresses",
		"smtp://h/" + secret + "?from=a@b&to=c@d":             "line 1: mail needs its addresses",
		strings.Repeat("slack+https://h/x\n", 33):             "it names 33 receivers, more than 32",
		"ok://x\n\nbad\n":                                     "line 1: ok:// is not known; there are webhook+https, alertmanager+https, ntfy+https, telegram+https, slack+https, teams+https, the same with +http, smtp and smtps\nline 3: this is no URL",
	} {
		all, err := ParseReceivers(line)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), secret) || all != nil {
			t.Errorf("%q: %v, %v; want %q", line, all, err, want)
		}
	}
}

func FuzzParseReceivers(f *testing.F) {
	for _, line := range []string{"webhook+https://h/p?q=abcdefgh#0123456789abcdef", "ntfy+http://tok@h/t", "telegram+https://1:a@h/c", "smtp://u:p@h/?from=a@b&to=c@d", "teams+https://h", "x\n#y", "smtps://[::1]:1?from=a@b&to=c@d"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseReceivers(text)
		if (err == nil) != (len(all) > 0) {
			t.Fatalf("%v, %v", all, err)
		}
		for _, r := range all {
			if strings.ContainsAny(r.Name, "@?\n") || r.URL == nil || r.URL.Hostname() == "" {
				t.Errorf("%q is called %q", text, r.Name)
			}
			if r.Kind == Mail {
				if strings.ContainsAny(r.Mail.From+strings.Join(r.Mail.To, ""), "\r\n <>") {
					t.Errorf("%q: %+v", text, r.Mail)
				}
				continue
			}
			p := r.Post(examples()[0], Locale{Zone: time.UTC}, at(0))
			if p.URL.Hostname() != r.URL.Hostname() || !json.Valid(p.Body) {
				t.Errorf("%q posts %s to %s", text, p.Body, p.URL)
			}
		}
	})
}

// A peer that answers with what it was sent shows no secret.
func TestMask(t *testing.T) {
	for _, line := range []string{
		"webhook+https://user:S3CR3Tpw@h/S3CR3Tpath?token=S3CR3Tquery#S3CR3Tkey0123456",
		"telegram+https://123456:S3CR3Ttoken@api.telegram.org/-1", "slack+https://h/services/T0/B0/S3CR3Tslack", "smtp://u:S3CR3Tpw@h/?from=a@b&to=c@d",
	} {
		all, err := ParseReceivers(line)
		if err != nil {
			t.Fatal(err)
		}
		p := all[0].Post(examples()[0], Locale{Zone: time.UTC}, at(0))
		for _, echo := range []string{line, p.URL.String(), p.URL.RequestURI(), p.URL.Path, "Cannot POST " + p.URL.EscapedPath()} {
			if got := all[0].Mask(echo); strings.Contains(got, "S3CR3T") {
				t.Errorf("%q", got)
			}
		}
		if all[0].String() != all[0].Name || strings.Contains(all[0].GoString(), "S3CR3T") {
			t.Error("the receiver itself shows a secret")
		}
	}
}

// What each service is sent.
func TestPosts(t *testing.T) {
	m := examples()[1] // two at Gandía
	for line, want := range map[string]string{
		"ntfy+https://tk_secret@ntfy.sh/evcp":               `https://ntfy.sh/ Bearer tk_secret {"message":"Since `,
		"ntfy+https://ana:pw@ntfy.sh/evcp":                  `https://ana:pw@ntfy.sh/  {"message":"Since `,
		"telegram+https://123:AAE_x@api.telegram.org/-1001": `https://api.telegram.org/bot123:AAE_x/sendMessage  {"chat_id":"-1001","disable_web_page_preview":true,"text":"Gandía: 2 charge points faulted\nSince `,
		"slack+https://hooks.slack.com/services/T/B/X":      `https://hooks.slack.com/services/T/B/X  {"text":"*Gandía: 2 charge points faulted*\nSince `,
		"teams+https://x.logic.azure.com/workflows/1?sig=s": `https://x.logic.azure.com/workflows/1?sig=s  {"attachments":[{"content":{"$schema":`,
		"webhook+https://h/p#0123456789abcdef":              `https://h/p  {"version":1,"id":"`,
	} {
		all, err := ParseReceivers(line)
		if err != nil {
			t.Fatal(err)
		}
		p := all[0].Post(m, Locale{Zone: time.UTC}, at(0))
		if got := p.URL.String() + " " + p.Header["Authorization"] + " " + string(p.Body); !strings.HasPrefix(got, want) {
			t.Errorf("%s:\n%s", all[0].Name, got)
		}
	}
}
