package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"time"

	"evcp"
	"evcp/internal/history"
)

// Inputs are what a report was computed from. Equal inputs give equal bytes.
type Inputs struct {
	Topic      string  `json:"topic"`
	Offsets    Offsets `json:"offsets"` // the next of each partition
	Annotation int64   `json:"annotation,omitempty"`
	Gaps       int     `json:"gaps"`
	Version    string  `json:"version"`
	TZData     string  `json:"tzdata"`
	Segments   string  `json:"segments_sha256"`
	Exclusions string  `json:"exclusions_sha256"`
	Ports      string  `json:"ports_sha256"`
}

// Offsets are positions by partition. As JSON they are in the order of the partitions.
type Offsets map[int32]int64

// MarshalJSON implements json.Marshaler.
func (o Offsets) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, p := range o.partitions() {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `"%d":%d`, p, o[p])
	}
	return append(b, '}'), nil
}

func (o Offsets) partitions() []int32 {
	var all []int32
	for p := range o {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// zoneData says what the time zone data made of the window: the name of a version is not
// the same on each machine, and what follows from it is.
func (q Question) zoneData() string {
	if q.Zone == time.UTC || q.Zone.String() == "UTC" {
		return "UTC"
	}
	sum := sha256.New()
	at := q.From.Time().In(q.Zone)
	for at.Before(q.To.Time()) {
		_, offset := at.Zone()
		fmt.Fprintf(sum, "%d %d\n", at.Unix(), offset)
		_, next := at.ZoneBounds()
		if next.IsZero() {
			break
		}
		at = next
	}
	return "sha256:" + hexSum(sum)[:16]
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// inputHashes are those of what is read port by port.
type inputHashes struct {
	segments, ports hash.Hash
	line            []byte
}

func newInputHashes() inputHashes { return inputHashes{segments: sha256.New(), ports: sha256.New()} }

// segment adds one that touches the window.
func (h *inputHashes) segment(cp evcp.CPID, s history.CPSegment, q Question) {
	h.line = append(h.line[:0], cp...)
	for _, part := range [...]int64{
		int64(max(s.From, q.From)), int64(min(s.To, q.To)), s.Incident.Epoch, int64(s.Incident.Seq),
		s.Evidence.First.Epoch, int64(s.Evidence.First.Seq), s.Evidence.Last.Epoch, int64(s.Evidence.Last.Seq),
	} {
		h.line = strconv.AppendInt(append(h.line, ' '), part, 10)
	}
	h.line = append(append(append(append(append(h.line, ' '), s.State...), ' '), s.Cause...), '\n')
	h.segments.Write(h.line)
}

// port adds what the file of ports says, not its bytes.
func (h *inputHashes) port(p ChargingPort) {
	fmt.Fprintf(h.ports, "%q %q %d %t %v %v\n", p.Name, p.Site, p.Watts, p.Public, p.Hours, p.Lines)
}

func (q Question) exclusionsHash() string {
	text, err := json.Marshal(append([]Exclusion{}, q.Exclusions...))
	if err != nil {
		panic(err) // it holds nothing that JSON can't
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// PortOf makes a port of a charge point, for a report without a file of ports.
func PortOf(cp evcp.CPID, site string) ChargingPort {
	return ChargingPort{Name: string(cp), Lines: []PortLine{{CP: cp}}, Site: site, Public: true}
}
