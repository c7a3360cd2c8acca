package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestParseFleetSizes(t *testing.T) {
	all, err := parseFleetSizes(defaultFleetSizes)
	if err != nil || len(all) != 7 || all[0].String() != "1 at 1 Hz" || all[6] != (fleetSize{15000, 200 * time.Millisecond}) || all[6].perSecond() != 75000 {
		t.Errorf("%v, %v", all, err)
	}
	for list, want := range map[string]string{
		"":          `"" is no number of charge points`,
		"1,x":       `"x" is no number of charge points`,
		"0":         `"0" is no number of charge points`,
		"10@1":      `"10@1": an interval is a duration from 10ms`,
		"10@1ms":    `"10@1ms": an interval is a duration from 10ms`,
		"10@200ms,": `"" is no number of charge points`,
	} {
		if _, err := parseFleetSizes(list); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", list, err, want)
		}
	}
}

// TestPlot: each line has its points and its name, and the picture is well-formed XML.
func TestPlot(t *testing.T) {
	picture := drawPlot("Processor time, µs", []plotLine{
		{name: "HAProxy"},
		{name: "ev-cp-m", colour: "#00f", x: []float64{100, 1000, 10000}, y: []float64{50, 12, 9}},
		{name: "plain C", colour: "#777", x: []float64{100, 1000, 10000}, y: []float64{30, 10, 9}},
	})
	d := xml.NewDecoder(strings.NewReader(picture))
	circles, texts := 0, []string{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, picture)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "circle" {
				circles++
			}
		case xml.CharData:
			texts = append(texts, string(e))
		}
	}
	said := strings.Join(texts, "|")
	if circles != 6 || strings.Contains(said, "HAProxy") || !strings.Contains(said, "ev-cp-m") || !strings.Contains(said, "|10000|") || strings.Contains(picture, "NaN") {
		t.Errorf("%d circles: %s\n%s", circles, said, picture)
	}
}
