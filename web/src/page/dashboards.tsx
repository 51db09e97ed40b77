export function DashboardsPage() { return null; } export function DashboardPage() { return null; }
