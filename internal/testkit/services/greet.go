package services

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// greet opens a session as far as the server's first answer: whatever it is, if the server is not just starting, it takes connections. It
// needs no password and no certificate.
func greet(ctx context.Context, host string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(stopLimit))
	body := append(binary.BigEndian.AppendUint32(nil, 3<<16), "user\x00gomph\x00database\x00postgres\x00\x00"...)
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)); err != nil {
		return err
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(conn, head); err != nil {
		return err
	}
	if head[0] != 'E' { // asked for a password, or let in
		return nil
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size < 4 || size > 1<<16 {
		return fmt.Errorf("an answer of %d bytes", size)
	}
	text := make([]byte, size-4)
	if _, err := io.ReadFull(conn, text); err != nil {
		return err
	}
	if bytes.Contains(text, []byte("\x00C57P03\x00")) { // cannot_connect_now
		return errors.New("the server is starting")
	}
	return nil
}
