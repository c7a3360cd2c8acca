package dashboard

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestPictures writes the pictures of docs/img: make pictures. Each scene is a Central on
// loopback and what its Monitors, their events and its operator say; nothing on the page is made up.
func TestPictures(t *testing.T) {
	dir := os.Getenv("EVCP_PICTURES")
	if dir == "" {
		t.Skip("EVCP_PICTURES names no folder for pictures")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := camera{chromium(t), dir, os.Getenv("EVCP_PICTURE"), 1}
	none, six, forty, many := newScene(t), newScene(t), newScene(t), newScene(t)
	six.six()
	forty.forty()
	many.thousands(10_000)
	many.tell()
	six.live()
	silence := forty.live()
	time.Sleep(62 * time.Second) // the rate of events is that of a minute
	const board = `document.querySelector(".boardp") !== null`
	const day = board + ` && document.querySelector(".up24 .fig b")?.textContent.includes("%")`
	c.shoot(six, "overview-6-light", "/?lang=en&theme=light", 1440, 720, day)
	c.shoot(forty, "overview-40-dark", "/?lang=en&theme=dark", 1440, 900, day)
	c.shoot(forty, "cp-page", "/cp/CP_031?lang=en&theme=light", 1440, 1120, `document.querySelector(".lat") && document.querySelector(".inc30 tbody tr")`)
	c.shoot(forty, "incidents", "/incidents?lang=en&theme=light", 1440, 720, `document.querySelector(".inc tbody tr")`)
	c.shoot(forty, "uptime", "/uptime?lang=en&theme=light", 1440, 900, `document.querySelector(".ledger tbody tr")`)
	c.shoot(forty, "audit", "/audit?lang=en&theme=light", 1440, 720, `document.querySelector(".audit tbody tr")`)
	c.media("forced-colors", "active")
	c.shoot(forty, "forced-colors", "/?lang=en", 1440, 900, day)
	c.shoot(forty, "forced-colors-cp", "/cp/CP_031?lang=en", 1440, 1120, `document.querySelector(".lat") && document.querySelector(".inc30 tbody tr")`)
	c.media("forced-colors", "none")
	c.zoom = 2
	c.shoot(forty, "zoom-200", "/?lang=en&theme=light", 720, 450, day)
	c.shoot(forty, "zoom-200-cp", "/cp/CP_031?lang=en&theme=light", 720, 1000, `document.querySelector(".lat")`)
	c.zoom = 1
	c.shoot(forty, "phone-1", "/?lang=es&theme=light", 390, 844, day)
	c.shoot(forty, "phone-2", "/cp/CP_031?lang=en&theme=dark", 390, 844, `document.querySelector(".lat")`)
	many.tell()
	c.shoot(many, "overview-10000", "/?lang=en&theme=light", 1920, 1080, day)
	many.tell()
	c.shoot(many, "overview-10000-dark", "/?lang=en&theme=dark", 1920, 1080, day)
	c.shoot(none, "empty", "/?lang=en&theme=light", 1440, 760, board)
	silence()
	forty.events.lose("read partition 0: connection refused")
	time.Sleep(2 * time.Second)
	c.shoot(forty, "no-kafka-es", "/?lang=es&theme=light", 1440, 900, `document.body.classList.contains("is-part")`)
	forty.events.lose("")
	forty.live()
	c.shoot(forty, "", "/?lang=en&theme=light", 1440, 900, `document.querySelectorAll(".tile").length === 40`)
	forty.lose()
	const lost = `document.body.classList.contains("is-lost")`
	c.shoot(forty, "lost", "", 1440, 900, lost)
	c.shoot(forty, "phone-3", "", 390, 844, lost)
	c.join("phone", "phone-1", "phone-2", "phone-3")
}

// camera takes pictures of what a browser shows.
type camera struct {
	*browser
	dir, only string // only: the name of one picture; "": all
	zoom      float64
}

// media sets a preference of the reader, as a medium's feature.
func (c camera) media(feature, value string) {
	c.t.Helper()
	c.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: feature, Value: value}}})
		return err
	}))
}

// shoot takes a picture of a place once it is ready, after some seconds of life: rings are over,
// ages tick. Without a place it is the page that is shown.
func (c camera) shoot(s *scene, name, place string, width, height int64, ready string) {
	c.t.Helper()
	if c.only != "" && c.only != name && name != "" {
		return
	}
	c.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(c.zoom)))
	if place != "" {
		c.do(chromedp.Navigate(s.page + place[1:]))
	}
	c.waitFor(name, `!!(`+ready+`) && document.fonts.status === "loaded"`)
	time.Sleep(3 * time.Second)
	if name != "" {
		c.write(name, c.capture())
	}
}

func (c camera) capture() image.Image {
	c.t.Helper()
	shot, err := chromedp.Run(c.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		c.t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		c.t.Fatal(err)
	}
	return picture
}

func (c camera) file(name string) string { return filepath.Join(c.dir, name+".png") }

func (c camera) write(name string, picture image.Image) {
	c.t.Helper()
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, withPalette(picture)); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(c.file(name), out.Bytes(), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// join puts pictures beside each other into one, and removes them.
func (c camera) join(name string, parts ...string) {
	c.t.Helper()
	if c.only != "" {
		return
	}
	const gap = 20
	var all []image.Image
	size := image.Point{X: -gap}
	for _, part := range parts {
		content, err := os.ReadFile(c.file(part))
		if err != nil {
			c.t.Fatal(err)
		}
		picture, err := png.Decode(bytes.NewReader(content))
		if err != nil {
			c.t.Fatal(err)
		}
		if err := os.Remove(c.file(part)); err != nil {
			c.t.Fatal(err)
		}
		all, size = append(all, picture), image.Pt(size.X+gap+picture.Bounds().Dx(), max(size.Y, picture.Bounds().Dy()))
	}
	whole, x := image.NewRGBA(image.Rectangle{Max: size}), 0
	draw.Draw(whole, whole.Bounds(), image.NewUniform(color.Gray{Y: 0xd0}), image.Point{}, draw.Src)
	for _, picture := range all {
		draw.Draw(whole, picture.Bounds().Add(image.Pt(x, 0)), picture, image.Point{}, draw.Src)
		x += picture.Bounds().Dx() + gap
	}
	c.write(name, whole)
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
	like := func(c color.RGBA) [3]uint8 { return [3]uint8{c.R >> 3, c.G >> 3, c.B >> 3} }
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
