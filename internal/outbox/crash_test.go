package outbox

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"evcp"
)

// child is a process that will be killed: it judges and appends
// without end, and sends what is kept to a file that stands for Kafka.
func child(dir string) {
	w := newTestBox(childT{}, dir, Options{SyncEvery: time.Millisecond, Keep: 64 << 10})
	w.at = evcp.StampOf(time.Now())
	sink, err := os.OpenFile(filepath.Join(dir, "sent"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		childT{}.Fatal(err)
	}
	go send(w.box.Cursor(Kafka), sink)
	fmt.Println("begun")
	for {
		cp := cpNumber(rand.IntN(5))
		w.check(cp, []evcp.Outcome{ok(), ok(), ok(), ko(), ko()}[rand.IntN(5)])
		w.written = nil
		if rand.IntN(20) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

func send(c *Cursor, sink io.Writer) {
	for {
		run, err := c.Next(context.Background())
		if err != nil {
			childT{}.Fatal(err)
		}
		if _, err := sink.Write(run.appendLines(nil)); err != nil {
			childT{}.Fatal(err)
		}
		if rand.IntN(3) == 0 {
			c.Advance(run.ID)
		}
	}
}

// childT ends a child that can't go on.
type childT struct{}

func (childT) Helper()                   {}
func (childT) Fatal(a ...any)            { fmt.Fprintln(os.Stderr, a...); os.Exit(1) }
func (childT) Fatalf(s string, a ...any) { childT{}.Fatal(fmt.Sprintf(s, a...)) }
func (childT) Errorf(s string, a ...any) { childT{}.Fatal(fmt.Sprintf(s, a...)) }

// Ten processes, each ended by kill -9: one numbering without a gap, nothing sent
// that is not kept, and the state is the fold of what is there.
func TestKillNine(t *testing.T) {
	dir := t.TempDir()
	for range 10 {
		runAndKill(t, dir, time.Duration(20+rand.IntN(100))*time.Millisecond)
	}
	b, err := os.ReadFile(filepath.Join(dir, "sent"))
	if err != nil {
		t.Fatal(err)
	}
	w := newTestBox(t, dir, Options{})
	defer w.close()
	if o := w.box.OpenResult(); o.Found != Resumed || o.Renumber {
		t.Errorf("open result %+v", o)
	}
	ends := gapless(t, b)
	kept, _ := w.readAll(w.box.Cursor(Kafka))
	for _, line := range kept { // what was kept and not sent continues what was
		seqOf(t, line, ends)
	}
	for cp, end := range ends {
		if got := w.box.State(evcp.CPID(cp)); got.Seq != end.Seq || got.Epoch != end.Epoch {
			t.Errorf("%s: the state is at %d-%d, the events end with %d-%d", cp, got.Epoch, got.Seq, end.Epoch, end.Seq)
		}
	}
	t.Logf("%d events sent by ten processes", countLines(b))
}

func runAndKill(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "EVCP_TEST_CHILD="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal("the child did not begin")
	}
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	closeLine(t, filepath.Join(dir, "sent"))
}

// closeLine ends the line that the kill may have torn.
func closeLine(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.WriteString("\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// gapless holds what was sent to the promise: a number is followed by the next,
// or by an earlier one when a run is repeated. A line may be torn at the end of
// each process: that is the sink's own crash.
func gapless(t *testing.T, sent []byte) map[string]evcp.EventID {
	t.Helper()
	ends := map[string]evcp.EventID{}
	for line := range (Run{body: sent}).Each() {
		if _, err := evcp.ParseEvent(line); err == nil {
			seqOf(t, string(line), ends)
		}
	}
	return ends
}

func seqOf(t *testing.T, text string, ends map[string]evcp.EventID) {
	t.Helper()
	line := Line(text)
	cp, id := string(line.CP()), line.ID()
	end := ends[cp]
	if end.Epoch != 0 && id.Epoch != end.Epoch || id.Seq > end.Seq+1 {
		t.Fatalf("%s: %d-%d comes after %d-%d", cp, id.Epoch, id.Seq, end.Epoch, end.Seq)
	}
	if id.Seq == end.Seq+1 {
		ends[cp] = id
	}
}
