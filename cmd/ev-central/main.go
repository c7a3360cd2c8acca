// Command ev-central is EV_Central: Monitors register with it, it keeps the state
// of every charge point, and shows it in a browser. Try ev-central --help.
package main

import (
	"context"
	"os"

	"evcp/internal/cli"
)

const name = "ev-central"

func main() { cli.Main(run) }

// run is the program: answers go to stdout, the log to stderr.
func run(ctx context.Context, args []string, stdout, stderr *os.File) int {
	var o options
	p := program(&o)
	loaded, code, goOn := cli.LoadSettings(p, args, stdout, stderr)
	if !goOn {
		return code
	}
	o.fill(os.Getenv)
	o.origin = loaded.Sources
	if err := serve(ctx, o, stderr); err != nil {
		return cli.PrintError(stderr, name, err)
	}
	return cli.ExitOK
}
