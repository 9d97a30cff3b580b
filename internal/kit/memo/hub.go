package memo

import (
	"encoding/json"
	"fmt"
)

// Table is a Map of any kind.
type Table interface {
	title() string
	forget(keys []int64, whole bool)
	tell(func(name string, keys []int64, whole bool))
}

// Hub tells the other processes what was written here, and this one what was written there.
type Hub struct {
	self    string
	publish func(payload []byte)
	tables  map[string]Table
}

// message is what travels.
type message struct {
	From  string  `json:"p"`
	Table string  `json:"t"`
	Keys  []int64 `json:"k,omitempty"`
	Whole bool    `json:"w,omitempty"`
}

// NewHub connects the tables of a process, named differently from every other one, by a way to reach all processes. What is
// published may come back.
func NewHub(self string, publish func(payload []byte), tables ...Table) *Hub {
	h := &Hub{self: self, publish: publish, tables: map[string]Table{}}
	for _, t := range tables {
		h.tables[t.title()] = t
		t.tell(h.told)
	}
	return h
}

func (h *Hub) told(name string, keys []int64, whole bool) {
	b, err := json.Marshal(message{h.self, name, keys, whole})
	if err != nil { // numbers and a name always encode
		return
	}
	h.publish(b)
}

// Receive takes a message of another process.
func (h *Hub) Receive(payload []byte) error {
	var m message
	if err := json.Unmarshal(payload, &m); err != nil {
		return fmt.Errorf("reading what another process wrote: %w", err)
	}
	if t := h.tables[m.Table]; t != nil && m.From != h.self {
		t.forget(m.Keys, m.Whole)
	}
	return nil
}

// Clear forgets everything: messages may have been lost.
func (h *Hub) Clear() {
	for _, t := range h.tables {
		t.forget(nil, true)
	}
}
