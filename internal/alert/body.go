package alert

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"evcp/internal/language"
)

// Body is a message as a webhook gets it; api/alert.schema.json is its schema.
type Body struct {
	Version   int          `json:"version"` // 1
	ID        string       `json:"id"`      // the same at each attempt
	Kind      MessageKind  `json:"kind"`
	Incident  string       `json:"incident"` // the same in all messages of one; "" of a test
	Trouble   Kind         `json:"trouble,omitempty"`
	Site      string       `json:"site"`
	SiteTotal int          `json:"sites_total,omitempty"`
	Sites     []SiteCount  `json:"sites,omitempty"`
	At        string       `json:"at"`
	Since     string       `json:"since,omitempty"`
	Recovered string       `json:"recovered,omitempty"`
	Total     int          `json:"charge_points_total"`
	Still     int          `json:"charge_points_not_well"`
	Causes    []CauseCount `json:"causes"`
	Members   []MemberBody `json:"charge_points"`
	Language  string       `json:"language"`
	Title     string       `json:"title"`
	Text      string       `json:"text"`
}

// MemberBody is a charge point in a Body.
type MemberBody struct {
	CP    string `json:"cp_id"`
	Site  string `json:"site,omitempty"` // of an incident of many
	Since string `json:"since"`
	Cause string `json:"cause"`
	Ended string `json:"ended,omitempty"`
}

// Locale is how a message is said: in a language, with times of a zone.
type Locale struct {
	Language language.Language
	Zone     *time.Location
}

// Body is the message for a webhook.
func (m IncidentMessage) Body(s Locale) []byte {
	b := Body{
		Version: 1, ID: m.ID, Kind: m.Kind, Trouble: m.Trouble, Site: m.Site, SiteTotal: m.SiteTotal, Sites: m.Sites, At: rfc3339(m.At), Since: rfc3339(m.Since), Recovered: rfc3339(m.Recovered),
		Total: m.Total, Still: m.Still, Causes: m.Causes, Members: []MemberBody{}, Language: s.Language.Name(), Title: m.Title(s.Language), Text: m.Text(s.Language, s.Zone),
	}
	if m.Incident != 0 {
		b.Incident = strconv.FormatInt(m.Incident, 10)
	}
	if b.Causes == nil {
		b.Causes = []CauseCount{}
	}
	for _, member := range m.Members {
		b.Members = append(b.Members, MemberBody{string(member.CP), member.Site, rfc3339(member.Since), member.Cause, rfc3339(member.Ended)})
	}
	return encode(b)
}

// encode encodes a value that has nothing JSON lacks, so it can't fail.
func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("alert: encode %T: %v", v, err))
	}
	return body
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// Signature is the value of the header webhook-signature for a body, as standardwebhooks.com
// has it: HMAC-SHA256 of id, time and body.
func Signature(key []byte, id string, at time.Time, body []byte) string {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s.%d.", id, at.Unix())
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// lastsFor is how long Alertmanager takes an alert for open after a post. It is posted each
// minute: three may be lost.
const lastsFor = 4 * time.Minute

// alertJSON is one alert in the API v2 of Alertmanager. Its labels name it: they are the same
// in each post.
type alertJSON struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    string            `json:"startsAt"`
	EndsAt      string            `json:"endsAt"`
}

// Alert is how an incident stands for Alertmanager.
func (m IncidentMessage) alert(s Locale, now time.Time) alertJSON {
	a := alertJSON{
		Labels: map[string]string{
			"alertname": pick(m.Trouble, "ChargePointsFaulted", "ChargePointsDisconnected"), "incident": strconv.FormatInt(m.Incident, 10),
			"severity": pick(m.Trouble, "critical", "warning"), "source": "ev-central",
		},
		Annotations: map[string]string{"summary": m.Title(s.Language), "description": m.Text(s.Language, s.Zone)},
		StartsAt:    rfc3339(m.Since), EndsAt: rfc3339(now.Add(lastsFor)),
	}
	switch m.Kind {
	case Recovered:
		a.EndsAt = rfc3339(m.Recovered)
	case Test:
		a.Labels["alertname"], a.Labels["severity"], a.Labels["incident"], a.StartsAt = "ChargePointsTest", "info", m.ID, rfc3339(m.At)
		a.EndsAt = rfc3339(now.Add(time.Minute))
	}
	if m.Site != "" {
		a.Labels["site"] = m.Site
	}
	return a
}

// Alerts is the body of a post to Alertmanager.
func Alerts(messages []IncidentMessage, locale func(site string) Locale, now time.Time) []byte {
	all := make([]alertJSON, len(messages))
	for i, m := range messages {
		all[i] = m.alert(locale(m.Site), now)
	}
	return encode(all)
}
