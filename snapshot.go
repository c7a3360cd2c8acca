package evcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// snapshotVersion is the first byte of every encoded State. Version 1 lacks StreakPause
// and is read, too; any other version is refused.
const snapshotVersion = 2

// MaxSnapshot is the largest encoded State in bytes: small enough for a record of a
// compacted topic.
const MaxSnapshot = 200

var errSnapshot = errors.New("read state: it ends too early")

// AppendBinary appends the encoded State to dst. The error is always nil.
func (s State) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, snapshotVersion)
	dst = binary.AppendVarint(dst, s.Epoch)
	dst = binary.AppendUvarint(dst, s.Seq)
	for _, at := range s.stamps() {
		dst = binary.AppendVarint(dst, int64(*at))
	}
	for _, n := range s.counts() {
		dst = binary.AppendUvarint(dst, uint64(*n))
	}
	dst = binary.AppendVarint(dst, s.Incident.ID.Epoch)
	dst = binary.AppendUvarint(dst, s.Incident.ID.Seq)
	dst = binary.AppendVarint(dst, int64(s.StreakPause))
	flags := bit(s.Incident.Open, 0) | bit(s.Incident.RecoveryReported, 1) | bit(s.EverAccepted, 2)
	return append(dst, byte(s.Status), byte(s.Cause), byte(s.Incident.Cause), byte(s.Central), flags), nil
}

// UnmarshalBinary reads what AppendBinary wrote. On an error s is unchanged.
func (s *State) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] == 0 || b[0] > snapshotVersion {
		return fmt.Errorf("read state: this program reads versions up to %d, not %x", snapshotVersion, b[:min(1, len(b))])
	}
	r := snapshotReader{b: b[1:]}
	var t State
	t.Epoch, t.Seq = r.signed(), r.unsigned()
	for _, at := range t.stamps() {
		*at = Stamp(r.signed())
	}
	for _, n := range t.counts() {
		*n = uint32(r.unsigned())
	}
	t.Incident.ID = EventID{r.signed(), r.unsigned()}
	if b[0] > 1 {
		t.StreakPause = time.Duration(r.signed())
	}
	if len(r.b) != 5 {
		return errSnapshot
	}
	t.Status, t.Cause, t.Incident.Cause, t.Central = Status(r.b[0]), Cause(r.b[1]), Cause(r.b[2]), Registration(r.b[3])
	t.Incident.Open, t.Incident.RecoveryReported, t.EverAccepted = r.b[4]&1 != 0, r.b[4]&2 != 0, r.b[4]&4 != 0
	*s = t
	return nil
}

// stamps and counts list the fields of one kind in the order of the encoding.
func (s *State) stamps() [6]*Stamp {
	return [6]*Stamp{&s.At, &s.FirstFailed, &s.LastCountable, &s.LastOK, &s.Incident.Since, &s.Incident.ReportedAt}
}

func (s *State) counts() [3]*uint32 {
	return [3]*uint32{&s.Failures, &s.Oks, &s.Incident.Reports}
}

func bit(set bool, n uint) byte {
	if set {
		return 1 << n
	}
	return 0
}

// snapshotReader reads numbers from the front of b. After a malformed number b is
// empty, and every further read returns 0.
type snapshotReader struct{ b []byte }

func (r *snapshotReader) signed() int64 {
	v, n := binary.Varint(r.b)
	r.advance(n)
	return v
}

func (r *snapshotReader) unsigned() uint64 {
	v, n := binary.Uvarint(r.b)
	r.advance(n)
	return v
}

func (r *snapshotReader) advance(n int) {
	if n <= 0 {
		r.b = nil
		return
	}
	r.b = r.b[n:]
}
