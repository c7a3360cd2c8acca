package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/engine"
	"evcp/internal/language"
	"evcp/internal/wire"
)

// EnginesArgument is the only argument of a program that is started to call PlayEngines: the
// Engines of a fleet run in a child process, since both ends of ten thousand connections are
// more open files than one process usually may have.
const EnginesArgument = "play-engines"

// order is what the child process is asked to do. One of its fields is set.
type order struct {
	Play   *enginesOptions `json:",omitempty"` // the first order, and only that
	Assign string          `json:",omitempty"` // a behaviour, and of which charge points: "CP_0* ko"
	Recall *okQuestion     `json:",omitempty"`
}

type enginesOptions struct {
	CPs     string        // ids and ranges
	Timeout time.Duration // of a check; an OK after it does not count
}

// okQuestion is whether an Engine replied OK between two times.
type okQuestion struct {
	CP       evcp.CPID
	From, To time.Time
}

// report is the reply to an order.
type report struct {
	Address    string `json:",omitempty"` // where the Engines listen
	AnsweredOK bool   `json:",omitempty"`
	Err        string `json:",omitempty"`
}

// PlayEngines is the child process: it takes orders from one stream, and replies to each on
// another, until the first ends. Signals from the terminal are to be ignored before: the parent
// gets them too, and ends this process last.
func PlayEngines(orders io.Reader, reports io.Writer) error {
	ctx, stop := context.WithCancel(context.Background())
	var p enginePlayer
	defer p.serving.Wait()
	defer stop()
	in, out := json.NewDecoder(orders), json.NewEncoder(reports)
	for {
		var o order
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := out.Encode(p.obey(ctx, o)); err != nil {
			return err
		}
	}
}

// enginePlayer is the Engines of a fleet on one port.
type enginePlayer struct {
	engine  *engine.Engine // nil before Play
	timeout time.Duration
	serving sync.WaitGroup

	mu  sync.Mutex // guards oks
	oks map[evcp.CPID]*okTimes
}

// okTimes is when an Engine sent its newest OKs, the oldest of them at next. They cover more
// than the checks of one incident.
type okTimes struct {
	at   [4]time.Time
	next int
}

func (p *enginePlayer) obey(ctx context.Context, o order) (r report) {
	var err error
	switch {
	case o.Play != nil && p.engine == nil:
		r.Address, err = p.play(ctx, *o.Play)
	case o.Assign != "" && p.engine != nil:
		var a engine.Assignment
		if a, err = engine.ParseAssignment(o.Assign); err == nil {
			err = p.engine.Assign(a)
		}
	case o.Recall != nil:
		r.AnsweredOK = p.answeredOK(*o.Recall)
	default:
		err = errors.New("this order can't be obeyed now")
	}
	if err != nil {
		r.Err = err.Error()
	}
	return r
}

func (p *enginePlayer) play(ctx context.Context, o enginesOptions) (address string, err error) {
	cps, err := engine.ParseCPs(o.CPs)
	if err != nil {
		return "", err
	}
	port, err := engine.Bind(ctx, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	p.timeout, p.oks = o.Timeout, make(map[evcp.CPID]*okTimes, len(cps))
	all := make([]okTimes, len(cps))
	for i, cp := range cps {
		p.oks[cp] = &all[i]
	}
	p.engine = engine.New(engine.Options{Listen: port.Listen, CPs: cps, Observe: p.observe})
	p.serving.Go(func() { _ = p.engine.Serve(ctx) }) // its port is open already, nothing else fails
	return port.Addr().String(), nil
}

// observe is called by the Engine after each exchange.
func (p *enginePlayer) observe(x engine.ServedRequest) {
	if !repliedOK(x, p.timeout) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.oks[x.CP]; t != nil {
		t.at[t.next] = x.Done
		t.next = (t.next + 1) % len(t.at)
	}
}

// repliedOK reports whether an exchange was a check that was answered OK in time.
func repliedOK(x engine.ServedRequest, timeout time.Duration) bool {
	return x.Verb == wire.HealthCheck && x.Err == nil && strings.TrimSpace(string(x.Answer)) == "OK" && x.Done.Sub(x.Asked) <= timeout
}

func (p *enginePlayer) answeredOK(q okQuestion) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.oks[q.CP]; t != nil {
		for _, at := range t.at {
			if at.After(q.From) && at.Before(q.To) {
				return true
			}
		}
	}
	return false
}

// engineProcess is the parent's side of the child process. Any goroutine may use it.
type engineProcess struct {
	address string

	mu      sync.Mutex // one order at a time
	orders  *json.Encoder
	reports *json.Decoder
}

// startEngines starts a child process with the Engines of some charge points. end ends it.
func startEngines(o enginesOptions) (p *engineProcess, end func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	child := exec.Command(self, EnginesArgument)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := child.Start(); err != nil {
		return nil, nil, err
	}
	end = func() error {
		_ = in.Close() // fails only if the child has ended
		if err := child.Wait(); err != nil {
			return language.Errorf("the process of the Engines: %w", err)
		}
		return nil
	}
	p = &engineProcess{orders: json.NewEncoder(in), reports: json.NewDecoder(out)}
	r, err := p.do(order{Play: &o})
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	p.address = r.Address
	return p, end, nil
}

// do gives an order and waits for the report.
func (p *engineProcess) do(o order) (r report, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.orders.Encode(o); err != nil {
		return r, language.Errorf("the process of the Engines: %w", err)
	}
	if err := p.reports.Decode(&r); err != nil {
		return r, language.Errorf("the process of the Engines: %w", err)
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}
