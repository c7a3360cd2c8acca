package watch

import (
	"fmt"
	"log/slog"

	"evcp/internal/console"
	"evcp/internal/display"
)

// refused is called by the outbox when the disk refused: what was judged since
// the last kept event is judged again, and a person is told.
func (w *watcher) refused(generation uint64, err error) {
	w.o.Console.Logger().Error(fmt.Sprintf(english.refused, err),
		console.CP(w.o.CP), console.Shape(display.Failed), slog.String("folder", w.o.Dir()))
	w.monitor.Refused(generation)
}

// healed is called when the disk took over again; aside names the file that was
// put aside for it, if one was.
func (w *watcher) healed(aside string) {
	w.o.Console.Logger().Info("the disk takes events again", console.CP(w.o.CP), console.Shape(display.Up),
		slog.String("folder", w.o.Dir()), slog.String("aside", aside))
}

// diskTrouble is what the disk suffers from, as a sentence; "" while it is well.
func (w *watcher) diskTrouble() string {
	why := w.box.Stats().RefusedWhy
	if why == "" {
		return ""
	}
	return fmt.Sprintf(english.diskTrouble, w.o.Dir(), why)
}
