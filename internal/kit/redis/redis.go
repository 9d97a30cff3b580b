// Package redis owns how the process reaches a Redis server: addresses as Mastodon writes them, verified TLS, errors without passwords.
package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

const (
	// dialTimeout bounds a connection attempt: a server in the same data centre answers in milliseconds, one that does not is down.
	dialTimeout = 2 * time.Second
	// writeTimeout bounds how long a sent command may stay unanswered before its connection counts as dead.
	writeTimeout = 2 * time.Second
	// connBuffer is the size of each connection's read and write buffer. The library's 512 KiB would cost an idle process megabytes.
	connBuffer = 64 << 10
	// blockingConns bounds connections besides the shared ones: the subscribing one and a few in reserve.
	blockingConns = 16
	// maxRetries bounds how often a read is repeated after its connection broke; more would hide an outage from the caller.
	maxRetries = 2
)

// Client speaks to one Redis server. It is safe for concurrent use; commands of several goroutines share connections and round trips.
type Client struct {
	rueidis.Client
	addr  string
	watch *watch
}

// Open connects to the server that address names and asks it for a sign of life. Forms:
//
//	redis://[user][:password]@host[:port][/db]
//	rediss://…            the same over TLS; the server's certificate is always verified
//	unix://[user][:password]@/path/to/socket[?db=n]
//
// Parameters of rediss: ca=FILE (trust only these authorities; otherwise the system's, or SSL_CERT_FILE), cert=FILE and
// key=FILE (client certificate), server_name=NAME (when the certificate is for another name than the host).
func Open(ctx context.Context, address string) (*Client, error) {
	opt, where, err := parse(address)
	if err != nil {
		return nil, err
	}
	opt.DisableCache = true // client-side caching needs CLIENT TRACKING, which proxies and managed servers often lack
	opt.ForceSingleClient = true
	opt.PipelineMultiplex = 1 // two shared connections are plenty with automatic pipelining
	opt.BlockingPoolSize = blockingConns
	opt.ReadBufferEachConn = connBuffer
	opt.WriteBufferEachConn = connBuffer
	opt.Dialer.Timeout = dialTimeout
	opt.ConnWriteTimeout = writeTimeout
	opt.RetryDelay = retryDelay

	inner, err := newClient(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("connecting to redis at %s: %w", where, scrub(err, opt.Password))
	}
	c := &Client{Client: inner, addr: where, watch: newWatch()}
	if err := c.Ping(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Addr is where the server is, without any credential: "host:port" or the socket's path.
func (c *Client) Addr() string { return c.addr }

// Ping asks the server for a sign of life.
func (c *Client) Ping(ctx context.Context) error {
	if err := c.Client.Do(ctx, c.B().Ping().Build()).Error(); err != nil {
		return fmt.Errorf("asking redis at %s for a sign of life: %w", c.addr, err)
	}
	return nil
}

// newClient dials in a goroutine of its own, for the library's constructor knows no context. A late client is closed.
func newClient(ctx context.Context, opt rueidis.ClientOption) (rueidis.Client, error) {
	type result struct {
		c   rueidis.Client
		err error
	}
	done := make(chan result, 1)
	go func() {
		c, err := rueidis.NewClient(opt)
		done <- result{c, err}
	}()
	select {
	case r := <-done:
		return r.c, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.c != nil {
				r.c.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// retryDelay lets the library repeat a read on a fresh connection, a bounded number of times.
func retryDelay(attempts int, _ rueidis.Completed, _ error) time.Duration {
	if attempts > maxRetries {
		return -1
	}
	return time.Duration(attempts) * 10 * time.Millisecond
}

// scrub keeps a password out of an error that a library may have built from it.
func scrub(err error, password string) error {
	if password == "" || !strings.Contains(err.Error(), password) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), password, "[secret]"))
}
