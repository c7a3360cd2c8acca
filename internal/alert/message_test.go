package alert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"evcp"
	"evcp/internal/language"
)

// examples are one message of each kind.
func examples() []IncidentMessage {
	all := NewSiteIncidents(usual, nil, noon)
	all.See(fault("CP_2", "Gandía", at(0)), at(0))
	all.See(CPTrouble{CP: "CP_10", Kind: Faulted, Site: "Gandía", Since: at(2), Cause: "refused"}, at(2))
	all.See(away("CP_3", "", at(0)), at(0))
	messages := all.Next(at(300))
	messages = append(messages, all.Next(at(5*3600))...)
	all.Clear("CP_2", Faulted, at(5*3600))
	all.Clear("CP_10", Faulted, at(5*3600))
	all.Clear("CP_3", Disconnected, at(5*3600))
	messages = append(messages, all.Next(at(6*3600))...)
	digest := NewSiteIncidents(usual, nil, noon)
	for n, site := range []string{"Gandía", "Gandía", "Elche", "Oliva", "Denia", "Alcoy", ""} {
		digest.See(away(evcp.CPID(fmt.Sprintf("CP_%d", n)), site, at(n)), at(n))
	}
	messages = append(messages, digest.Next(at(300))...)
	for n := range 6 {
		digest.Clear(evcp.CPID(fmt.Sprintf("CP_%d", n)), Disconnected, at(400))
	}
	messages = append(messages, digest.Next(at(5*3600))...)
	digest.Clear("CP_6", Disconnected, at(5*3600))
	messages = append(messages, digest.Next(at(6*3600))...)
	return append(messages, IncidentMessage{ID: "test-1", Kind: Test, At: at(0)})
}

// UPDATE_WORDS=1 writes the file anew.
func TestWords(t *testing.T) {
	var got []string
	for _, l := range []language.Language{language.English, language.Spanish} {
		for _, m := range examples() {
			got = append(got, m.Title(l)+"\n"+m.Text(l, time.UTC))
		}
	}
	text := strings.Join(got, "\n\n") + "\n"
	if os.Getenv("UPDATE_WORDS") != "" {
		if err := os.WriteFile("testdata/words.txt", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if golden, err := os.ReadFile("testdata/words.txt"); err != nil || text != string(golden) {
		t.Errorf("%v; the words are now\n%s", err, text)
	}
}

// Every body is as the schema says.
func TestBodySchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../api/alert.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range examples() {
		body := m.Body(Locale{Zone: time.UTC})
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err == nil {
			err = schema.Validate(doc)
		}
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// The signature is what others compute: the example of standardwebhooks.com.
func TestSignature(t *testing.T) {
	key, err := webhookKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	if got := Signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Error(got)
	}
}

// A message survives the disk.
func TestMessageAsJSON(t *testing.T) {
	for _, m := range examples() {
		body, err := json.Marshal(m)
		var back IncidentMessage
		if err == nil {
			err = json.Unmarshal(body, &back)
		}
		if err != nil || back.Title(language.English) != m.Title(language.English) || back.Text(language.Spanish, time.UTC) != m.Text(language.Spanish, time.UTC) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
