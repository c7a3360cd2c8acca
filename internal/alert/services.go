package alert

import (
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// HTTPPost is one request of a message to a receiver.
type HTTPPost struct {
	URL    *url.URL
	Header map[string]string
	Body   []byte
}

// Post is the request for one message. It is not for Mail and Alertmanager.
func (r Receiver) Post(m IncidentMessage, s Locale, now time.Time) HTTPPost {
	p := HTTPPost{URL: r.URL, Header: map[string]string{"Content-Type": "application/json"}}
	switch r.Kind {
	case Ntfy:
		p.URL, p.Body = r.at("/"), ntfyBody(r, m, s)
		if password, both := r.URL.User.Password(); r.URL.User != nil && !both {
			p.Header["Authorization"] = "Bearer " + r.URL.User.Username()
		} else if both {
			p.URL.User = url.UserPassword(r.URL.User.Username(), password) // package http makes the header
		}
	case Telegram:
		p.URL = r.at("/bot" + r.URL.User.String() + "/sendMessage")
		p.Body = encode(map[string]any{"chat_id": path.Base(r.URL.Path), "text": plain(m, s, maxTelegram), "disable_web_page_preview": true})
	case Slack:
		p.Body = encode(map[string]string{"text": slackEscape.Replace("*" + m.Title(s.Language) + "*\n" + m.Text(s.Language, s.Zone))})
	case Teams:
		p.Body = teamsBody(m, s)
	default:
		p.Body = m.Body(s)
		p.Header["Webhook-Id"], p.Header["Webhook-Timestamp"] = m.ID, strconv.FormatInt(now.Unix(), 10)
		p.Header["Webhook-Signature"] = Signature(r.Key, m.ID, now, p.Body)
	}
	return p
}

// at is another path at the same host, without the user.
func (r Receiver) at(p string) *url.URL {
	return &url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: p}
}

// maxTelegram is how many characters a message of Telegram may have.
const maxTelegram = 4096

// plain is the message as text, cut after so many characters.
func plain(m IncidentMessage, s Locale, most int) string {
	text := []rune(m.Title(s.Language) + "\n" + m.Text(s.Language, s.Zone))
	return string(text[:min(len(text), most)])
}

// ntfyBody publishes as JSON: headers would have to be ASCII. A fault rings, the rest does not.
func ntfyBody(r Receiver, m IncidentMessage, s Locale) []byte {
	priority, tag := 3, "white_check_mark"
	switch {
	case m.Kind == Test:
		tag = "information_source"
	case m.Kind != Recovered && m.Trouble == Faulted:
		priority, tag = 4, "rotating_light"
	case m.Kind != Recovered:
		tag = "warning"
	}
	return encode(map[string]any{
		"topic": path.Base(r.URL.Path), "title": m.Title(s.Language), "message": m.Text(s.Language, s.Zone), "priority": priority, "tags": []string{tag},
	})
}

// slackEscape has what Slack takes for markup.
var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// teamsBody is an adaptive card, as a workflow of Teams takes it.
func teamsBody(m IncidentMessage, s Locale) []byte {
	type block map[string]any
	blocks := []block{{"type": "TextBlock", "text": teamsEscape.Replace(m.Title(s.Language)), "weight": "Bolder", "size": "Medium", "wrap": true}}
	for line := range strings.Lines(m.Text(s.Language, s.Zone)) {
		blocks = append(blocks, block{"type": "TextBlock", "text": teamsEscape.Replace(strings.TrimSpace(line)), "wrap": true})
	}
	return encode(block{"type": "message", "attachments": []block{{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content":     block{"type": "AdaptiveCard", "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "version": "1.4", "body": blocks},
	}}})
}

// teamsEscape has what a card takes for Markdown.
var teamsEscape = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "#", `\#`)
