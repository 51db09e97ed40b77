function n(){return null}function r(){return null}export{r as DashboardPage,n as DashboardsPage};
