import { useEvents, useWhenLive } from "../../live";

/** Calls back when the hub has booked new calls. */
export function useUsageEvents(booked: () => void): void {
  useWhenLive(booked);
  useEvents((events) => {
    if (events.some((event) => event.kind === "usage")) booked();
  });
}
