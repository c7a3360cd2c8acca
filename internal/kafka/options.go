package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Options say where the events go.
type Options struct {
	Brokers     []string // HOST:PORT
	Topic       string
	Compression string       // none, gzip, snappy, lz4 or zstd; "" is none
	Logger      *slog.Logger // the client's own words, at debug; nil is silence
	// OnStatus is told each change of State, one after the other. It may not block.
	OnStatus func(ConnectionStatus)
	// Dial opens connections; nil is the operating system's way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

var codecs = map[string]kgo.CompressionCodec{
	"":       kgo.NoCompression(),
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

// check finds what can't work before anything is dialled.
func (o Options) check() error {
	if len(o.Brokers) == 0 || o.Topic == "" {
		return fmt.Errorf("send to Kafka: brokers and a topic are needed")
	}
	if _, ok := codecs[o.Compression]; !ok {
		return fmt.Errorf("send to Kafka: unknown compression %q; known are none, gzip, snappy, lz4 and zstd", o.Compression)
	}
	return nil
}
