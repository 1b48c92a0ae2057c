package callbacks

import (
	"context"
	"fmt"

	"callbackd/accounts"
)

// List returns a page of the callbacks that match a filter and that the
// principal may see, or a joined *FieldError.
func (s *Service) List(ctx context.Context, by accounts.Principal, filter Filter) (Page, error) {
	query, err := s.query(by, &filter)
	if err != nil {
		return Page{}, err
	}
	items, next, err := s.store.List(ctx, query)
	if err != nil {
		return Page{}, fmt.Errorf("list callbacks: %w", err)
	}
	page := Page{Items: items}
	if next != nil {
		page.Next = query.next(*next)
	}
	return page, nil
}

// Count counts the callbacks on all pages of a list. It may read all of them.
func (s *Service) Count(ctx context.Context, by accounts.Principal, filter Filter) (int64, error) {
	query, err := s.query(by, &filter)
	if err != nil {
		return 0, err
	}
	query.After = nil
	count, err := s.store.Count(ctx, query)
	if err != nil {
		return 0, fmt.Errorf("count callbacks: %w", err)
	}
	return count, nil
}

// NewSince counts the callbacks of a list that were registered after a number
// of the change log, such as the newest one before the list was read. Which
// page the filter is at does not matter.
func (s *Service) NewSince(ctx context.Context, by accounts.Principal, filter Filter, change int64) (int64, error) {
	query, err := s.query(by, &filter)
	if err != nil {
		return 0, err
	}
	first, found, err := s.store.FirstAfter(ctx, change)
	if err != nil {
		return 0, fmt.Errorf("count new callbacks: %w", err)
	}
	if !found {
		return 0, nil
	}
	query.First, query.After = first, nil
	count, err := s.store.Count(ctx, query)
	if err != nil {
		return 0, fmt.Errorf("count new callbacks: %w", err)
	}
	return count, nil
}

// OpenOf counts the open callbacks of a number, written in any way, that
// count for a call center and that the principal may see; "" for any call
// center.
func (s *Service) OpenOf(ctx context.Context, by accounts.Principal, number, callCenter string) (int, error) {
	for field, text := range map[string]string{"number": number, "call_center": callCenter} {
		if err := checkText(field, text, 255); err != nil {
			return 0, err
		}
	}
	key := s.numbers.Spell(number).Key
	if key == "" || !by.Role.Valid() {
		return 0, nil
	}
	count, err := s.store.CountOpen(ctx, key, callCenter, by.CallCenters)
	if err != nil {
		return 0, fmt.Errorf("count open callbacks of a number: %w", err)
	}
	return count, nil
}

// exportBatch is how many callbacks an export reads and names at once.
const exportBatch = 1000

// Export calls f with every callback of a list, in its order, with the names
// that a person reads. All are as they were at one moment. Cursor and Limit
// of the filter mean nothing. It ends at the first error of f and returns it.
//
// It is refused with accounts.ErrForbidden when the principal's role may not
// export, or a joined *FieldError.
func (s *Service) Export(ctx context.Context, by accounts.Principal, filter Filter, f func(row Row) error) error {
	if !accounts.Can(by, accounts.ActionExportCallbacks, by.CallCenters) {
		return fmt.Errorf("export callbacks: %w", accounts.ErrForbidden)
	}
	filter.Cursor, filter.Limit = "", 0
	query, err := s.query(by, &filter)
	if err != nil {
		return err
	}
	query.Limit = exportBatch
	err = s.store.Export(ctx, query, func(batch []Callback) error {
		rows, err := s.rows(ctx, batch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := f(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("export callbacks: %w", err)
	}
	return nil
}

// Rows returns callbacks with the names that a person reads, in their order.
func (s *Service) Rows(ctx context.Context, callbacks []Callback) ([]Row, error) {
	rows, err := s.rows(ctx, callbacks)
	if err != nil {
		return nil, fmt.Errorf("name callbacks: %w", err)
	}
	return rows, nil
}

func (s *Service) rows(ctx context.Context, callbacks []Callback) ([]Row, error) {
	numbers, assignees := map[string]bool{}, map[string]bool{}
	for i := range callbacks {
		numbers[callbacks[i].RemoteNumber] = true
		assignees[callbacks[i].Assignee] = true
	}
	var remoteNames map[string]string
	var err error
	if s.book != nil {
		if remoteNames, err = s.book.Lookup(ctx, nonEmpty(numbers)); err != nil {
			return nil, err
		}
	}
	accountNames, err := s.store.DisplayNames(ctx, nonEmpty(assignees))
	if err != nil {
		return nil, err
	}
	names := s.names()
	rows := make([]Row, len(callbacks))
	for i, c := range callbacks {
		rows[i] = Row{
			Callback:          c,
			RemoteName:        remoteNames[c.RemoteNumber],
			CallCenterName:    nameOr(names.CallCenters, c.CallCenter),
			BusinessLabelName: nameOr(names.BusinessLabels, c.BusinessLabel),
			AssigneeName:      nameOr(accountNames, c.Assignee),
		}
	}
	return rows, nil
}

func nonEmpty(set map[string]bool) []string {
	texts := make([]string, 0, len(set))
	for text := range set {
		if text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

func nameOr(names map[string]string, id string) string {
	if name := names[id]; name != "" {
		return name
	}
	return id
}
