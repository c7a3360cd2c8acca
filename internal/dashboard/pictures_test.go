package dashboard

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"evcp"
	"evcp/internal/central"
)

// TestPictures writes the pictures of docs/img: make pictures. Each scene is a Central on
// loopback and what its Monitors and their events say; nothing on the page is made up.
func TestPictures(t *testing.T) {
	dir := os.Getenv("EVCP_PICTURES")
	if dir == "" {
		t.Skip("EVCP_PICTURES names no folder for pictures")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := chromium(t)
	only := os.Getenv("EVCP_PICTURE") // the name of one
	shoot := func(s *scene, name, query string, width, height int64) {
		t.Helper()
		if only != "" && only != name {
			return
		}
		s.tell()
		b.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(s.url+"?"+query))
		b.waitFor("the board", `document.querySelector(".boardp") !== null && document.fonts.status === "loaded"`)
		if s.events != nil && len(s.cps) > 0 {
			b.waitFor("the last 24 hours", `document.querySelector(".up24 .fig b")?.textContent.includes("%")`)
		}
		for range 4 { // some seconds of life: rings are over, ages tick, events have a rate
			second := time.Now()
			s.tell()
			time.Sleep(time.Until(second.Add(time.Second)))
		}
		s.picture(b, dir, name)
	}
	six := newScene(t)
	six.six()
	shoot(six, "overview-6-light", "lang=en&theme=light", 1440, 720)
	forty := newScene(t)
	forty.forty()
	shoot(forty, "overview-40-dark", "lang=en&theme=dark", 1440, 900)
	shoot(forty, "phone", "lang=es&theme=light", 390, 844)
	if only != "" {
		return
	}
	forty.events.lose("read partition 0: connection refused")
	time.Sleep(2 * time.Second)
	b.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(forty.url+"?lang=es&theme=light"))
	b.waitFor("that Kafka is lost", `document.body.classList.contains("is-part")`)
	time.Sleep(time.Second)
	forty.picture(b, dir, "no-kafka-es")
	forty.events.lose("")
	b.do(chromedp.Navigate(forty.url + "?lang=en&theme=light"))
	b.waitFor("the board", `document.querySelectorAll(".tile").length === 40`)
	forty.stop()
	b.waitFor("that the page is lost", `document.body.classList.contains("is-lost")`)
	time.Sleep(3 * time.Second)
	forty.picture(b, dir, "lost")
	none := newScene(t)
	shoot(none, "empty", "lang=en&theme=light", 1440, 760)
	many := newScene(t)
	many.thousands(10_000)
	shoot(many, "overview-10000", "lang=en&theme=light", 1920, 1080)
	shoot(many, "overview-10000-dark", "lang=en&theme=dark", 1920, 1080)
}

// scene is a Central with what it is told.
type scene struct {
	*testServer
	events *eventSource
	cps    []sceneCP
	conns  map[string]*teller
}

// sceneCP is one charge point: what its checks were until now, the newest last.
type sceneCP struct {
	id, site, checks, heartbeat string
	told                        bool
}

func newScene(t *testing.T) *scene {
	t.Helper()
	e := newEventSource(t)
	return &scene{testServer: startTestSite(t, central.Options{}, e.source(), anyPort, anyPort), events: e, conns: map[string]*teller{}}
}

// teller is the connection of one Monitor.
type teller struct {
	send  func(messages ...string)
	close func()
}

func (s *scene) add(id, site, checks, heartbeat string) {
	s.cps = append(s.cps, sceneCP{id: id, site: site, checks: checks, heartbeat: heartbeat})
}

// tell tells everything that is new, and lets each Monitor be heard.
func (s *scene) tell() {
	s.t.Helper()
	for i := range s.cps {
		c := &s.cps[i]
		m := s.conns[c.site]
		if m == nil {
			conn := s.monitor()
			m = &teller{func(messages ...string) { s.send(conn, messages...) }, func() { conn.Close() }}
			s.conns[c.site] = m
		}
		if !c.told {
			m.send("EV_CP_M " + c.id + " registration request")
			if c.heartbeat != "OK" {
				m.send("EV_CP_M " + c.id + " ENGINE_FAILURE")
			}
			s.events.checks(evcp.CPID(c.id), c.site, c.checks)
			c.told = true
		} else {
			next := "O"
			if c.heartbeat != "OK" {
				next = c.checks[len(c.checks)-1:]
			}
			s.events.checks(evcp.CPID(c.id), c.site, next)
		}
		m.send("EV_CP_M " + c.id + " heartbeat " + c.heartbeat)
	}
}

func (s *scene) picture(b *browser, dir, name string) {
	s.t.Helper()
	shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		s.t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		s.t.Fatal(err)
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, withPalette(picture)); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), out.Bytes(), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// withPalette keeps 256 colours of a picture: a page has few, and the file is half as large. Of
// colours that are nearly the same it keeps the most frequent one.
func withPalette(from image.Image) *image.Paletted {
	count, b := map[color.RGBA]int{}, from.Bounds()
	at := func(x, y int) color.RGBA {
		c, _ := color.RGBAModel.Convert(from.At(x, y)).(color.RGBA)
		return c
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	like := func(c color.RGBA) [3]uint8 { return [3]uint8{c.R >> 4, c.G >> 4, c.B >> 4} }
	sum := map[[3]uint8]int{}
	best := map[[3]uint8]color.RGBA{}
	for c, n := range count {
		sum[like(c)] += n
		if n > count[best[like(c)]] {
			best[like(c)] = c
		}
	}
	kinds := slices.SortedFunc(maps.Keys(sum), func(a, b [3]uint8) int { return sum[b] - sum[a] })
	palette := color.Palette{}
	for _, k := range kinds[:min(len(kinds), 256)] {
		palette = append(palette, best[k])
	}
	nearest, to := map[color.RGBA]uint8{}, image.NewPaletted(b, palette)
	for c := range count {
		nearest[c] = uint8(palette.Index(c))
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			to.SetColorIndex(x, y, nearest[at(x, y)])
		}
	}
	return to
}

func (s *scene) six() {
	const site, well = "Alicante, P2", 300
	for n := 1; n <= 6; n++ {
		checks := strings.Repeat("O", well)
		switch n {
		case 2:
			checks += "C"
		case 3:
			checks = strings.Repeat("O", 100) + strings.Repeat("C", 44) + strings.Repeat("O", 156)
		case 4:
			s.add("CP_004", site, checks+strings.Repeat("K", 42), "KO")
			continue
		}
		s.add(fmt.Sprintf("CP_%03d", n), site, checks, "OK")
	}
}

func (s *scene) forty() {
	n := 0
	for _, site := range []struct {
		name string
		cps  int
	}{{"Alicante Sur", 10}, {"Elche Parque", 10}, {"Gandía Puerto", 12}, {"Xàbia Centro", 8}} {
		for range site.cps {
			n++
			well, checks, heartbeat := strings.Repeat("O", 900), "", "OK"
			switch n {
			case 5:
				checks, heartbeat = strings.Repeat("C", 852), "CONNECTION_ERROR"
			case 9:
				checks = strings.Repeat("C", 2)
			case 19:
				checks, heartbeat = strings.Repeat("K", 80)+"UUUU"+strings.Repeat("K", 81), "KO"
			case 28:
				checks, heartbeat = strings.Repeat("C", 41), "CONNECTION_ERROR"
			case 30:
				checks = strings.Repeat("K", 70) + strings.Repeat("O", 200)
			}
			s.add(fmt.Sprintf("CP_%03d", n), site.name, well+checks, heartbeat)
		}
	}
}

func (s *scene) thousands(n int) {
	provinces := []string{"ALB", "ALC", "BCN", "BIL", "CAS", "COR", "CUE", "GRA", "MAD", "MAL", "MUR", "SEV", "TAR", "TOL", "VLC", "ZAR"}
	for i, left := 0, n; left > 0; i++ {
		size := min(left, 30+i*37%45)
		left -= size
		site := fmt.Sprintf("%s-%02d", provinces[i%len(provinces)], i/len(provinces)+1)
		for bay := 1; bay <= size; bay++ {
			checks, heartbeat := "OO", "OK"
			switch k := (i*131 + bay*17) % 290; {
			case k == 7:
				checks, heartbeat = strings.Repeat("O", 20)+strings.Repeat("C", 30+i), "CONNECTION_ERROR"
			case k == 11:
				checks, heartbeat = strings.Repeat("O", 20)+strings.Repeat("K", 30+bay), "KO"
			case k == 13:
				checks = "OOOC"
			}
			s.add(fmt.Sprintf("%s-%03d", site, bay), site, checks, heartbeat)
		}
	}
}
