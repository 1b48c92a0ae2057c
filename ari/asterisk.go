package ari

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// AsteriskInfo says which Asterisk answers (GET /asterisk/info).
type AsteriskInfo struct {
	// Version is such as "22.10.1", with whatever the packager added.
	Version string
	// SystemName is systemname of asterisk.conf, the prefix of unique IDs;
	// may be empty.
	SystemName string
	// EntityID is made from a network card's address unless it is configured:
	// clones of one machine image share it.
	EntityID string
	// StartupAt changes when Asterisk restarts, which ends every channel.
	StartupAt time.Time
	// ReloadedAt is when its configuration was last loaded.
	ReloadedAt time.Time
}

// AsteriskInfo asks which Asterisk this is.
func (c *Client) AsteriskInfo(ctx context.Context) (AsteriskInfo, error) {
	body, err := c.get(ctx, path("asterisk", "info"), nil)
	if err != nil {
		return AsteriskInfo{}, err
	}
	var raw struct {
		System struct {
			Version  string `json:"version"`
			EntityID string `json:"entity_id"`
		} `json:"system"`
		Config struct {
			Name string `json:"name"`
		} `json:"config"`
		Status struct {
			StartupTime    string `json:"startup_time"`
			LastReloadTime string `json:"last_reload_time"`
		} `json:"status"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return AsteriskInfo{}, fmt.Errorf("decode asterisk info: %w", err)
	}
	info := AsteriskInfo{Version: raw.System.Version, EntityID: raw.System.EntityID, SystemName: raw.Config.Name}
	if info.StartupAt, err = ParseTime(raw.Status.StartupTime); err != nil {
		return AsteriskInfo{}, fmt.Errorf("decode asterisk info: startup time: %w", err)
	}
	// Not worth failing for: nothing is decided by it.
	info.ReloadedAt, _ = ParseTime(raw.Status.LastReloadTime)
	return info, nil
}
